-- The same, compared with what the query says under the same snapshot.
\set bid random(1, :scale)
SELECT demo.compare('branch ' || n, 'demo.branch_comparisons', demo.branch(n)::text, demo.branch_uncached(n)::text) FROM (SELECT :bid::int AS n) AS one;

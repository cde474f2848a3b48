-- Read-through of a branch's figures.
\set bid random(1, :scale)
SELECT demo.branch(:bid);

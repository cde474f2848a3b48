# scripts/check-layers passes on the sources, and fails on each breach of its rules.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Find qw(find);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $copy = tempdir(CLEANUP => 1);

find(
	{
		no_chdir => 1,
		wanted => sub {
			return unless /\.[ch]$/;
			my $to = $copy . substr($_, length "$top/src");
			make_path(dirname($to));
			copy($_, $to) or die "$_: $!\n";
		}
	},
	"$top/src");

my ($status, $output) = check();
is($status, 0, 'the sources keep the rules') or diag($output);

breach('a circle of two files', qr/circle of files: .*core\/clock/,
	'core/clock.h' => sub { s/^#include/#include "core\/settings.h"\n#include/m },
	'core/settings.h' => sub { s/^(#define \w+_H\n)/$1#include "core\/clock.h"\n/m });
breach('a folder that includes upwards', qr/core may not include cache\/key\.h/,
	'core/tasks.c' => sub { s/^(#include "core)/#include "cache\/key.h"\n$1/m });
breach('the cache and the queue knowing each other', qr/cache may not include queue\/queue\.h/,
	'cache/key.c' => sub { s/^(#include "cache)/#include "queue\/queue.h"\n$1/m });
breach('an include of what is not a face', qr/no part of the face of cache\/engine/,
	'cache/key.c' => sub { s/^(#include "cache)/#include "cache\/engine\/index.h"\n$1/m });
breach("another file's function", qr/cq_elsewhere is not defined in core\/tasks\.c/,
	'core/tasks.h' => sub { s/^(#endif.*)\z/extern void cq_elsewhere(void);\n$1/ms });
breach('an undeclared function', qr/cq_alone is not declared/,
	'core/tasks.c' => sub { $_ .= "\nvoid\ncq_alone(void)\n{\n}\n" });
breach("another file's variable", qr/extern belongs in a header/,
	'core/tasks.c' => sub { s/^(#include "core.*\n)/$1extern int elsewhere;\n/m });
breach('the server in the engine', qr/builds without the server/,
	'cache/engine/index.c' => sub { s/^(#include "cache)/#include "access\/xact.h"\n$1/m });
breach('the server in the dispatcher', qr/builds without the server/,
	'queue/dispatch/heap.c' => sub { s/^(#include "queue)/#include "access\/xact.h"\n$1/m });
breach('a version outside compat.h', qr/PG_VERSION_NUM belongs in core\/compat\.h/,
	'core/tasks.c' => sub { $_ .= "#if PG_VERSION_NUM > 1\n#endif\n" });
breach('a long function', qr/long_one has 103 lines/,
	'core/tasks.c' => sub { $_ .= "\nstatic void\nlong_one(void)\n{\n" . "\t;\n" x 100 . "}\n" });
breach('a long list of parameters', qr/many has 8 parameters/,
	'core/tasks.c' => sub {
		$_ .= "\nstatic void\nmany(int a, int b, int c, int d, int e, int f, int g, int h)\n{\n}\n";
	});

done_testing();

# The check's exit status and output.
sub check
{
	my $said = qx($top/scripts/check-layers $copy 2>&1);
	return ($? >> 8, $said);
}

# Change files, see the check fail with that message, and change them back.
sub breach
{
	my ($what, $message, %change) = @_;
	my %old;

	for my $file (sort keys %change)
	{
		$old{$file} = slurp("$copy/$file");
		local $_ = $old{$file};
		$change{$file}->();
		isnt($_, $old{$file}, "$what: $file changed");
		spew("$copy/$file", $_);
	}
	my ($failed, $said) = check();
	is($failed, 1, "$what fails");
	like($said, $message, "$what is named");
	spew("$copy/$_", $old{$_}) for keys %old;
}

sub slurp
{
	my ($file) = @_;
	open(my $fh, '<', $file) or die "$file: $!\n";
	local $/;
	return scalar <$fh>;
}

sub spew
{
	my ($file, $text) = @_;
	open(my $fh, '>', $file) or die "$file: $!\n";
	print $fh $text;
	close $fh or die "$file: $!\n";
}

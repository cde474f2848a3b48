# initdb once: the clusters of all tests are copies of $CQ_TEMPLATE, unless they
# ask for something else.  PostgreSQL 16 does so itself, 15 does not.
#
# scripts/run-tests has every TAP test load this.

package CqTemplate;

use strict;
use warnings;

use PostgreSQL::Test::Utils ();

my $template = $ENV{CQ_TEMPLATE};
my $system_or_bail = \&PostgreSQL::Test::Utils::system_or_bail;

sub copy_or_run
{
	my ($program, @arguments) = @_;

	# initdb -D DIRECTORY and what the template was made with
	if ($program eq 'initdb' && "@arguments[0, 2 .. $#arguments]" eq '-D -A trust -N')
	{
		return $system_or_bail->('cp', '-R', '-P', '-p', $template, $arguments[1]);
	}
	return $system_or_bail->($program, @arguments);
}

if ($template)
{
	no warnings 'redefine';
	*PostgreSQL::Test::Utils::system_or_bail = \&copy_or_run;
}

1;


# A psql session that stays open, for tests that interleave several.
#
#	my $s = CqSession->new($node, 'postgres', 'SET ...');
#	my $s = CqSession->new(undef, 'host=... dbname=...', 'SET ...');
#	my $rows = $s->query('SELECT ...');		# unaligned; errors are part of it
#	$s->send('COMMIT');						# does not wait
#	my $rows = $s->wait;					# for all that was sent
#	$s->quit;

package CqSession;

use strict;
use warnings;

use IPC::Open3 qw(open3);

my $marker = 0;

sub new
{
	my ($class, $node, $dbname, @setup) = @_;
	my ($to, $from);
	local $ENV{PGOPTIONS} = '-c client_min_messages=warning';
	my $pid = open3($to, $from, undef, 'psql', '-XAtq',
		'-d', $node ? $node->connstr($dbname) : $dbname, '-v', 'VERBOSITY=terse');
	my $self = bless { pid => $pid, to => $to, from => $from }, $class;

	select((select($to), $| = 1)[0]);
	$self->query($_) for @setup;
	return $self;
}

sub send
{
	my ($self, $sql) = @_;

	$self->{marker} = 'CqSession ' . ++$marker;
	print { $self->{to} } "$sql;\n\\echo $self->{marker}\n";
}

sub wait
{
	my ($self) = @_;
	my $rows = '';

	while (defined(my $line = readline $self->{from}))
	{
		last if $line eq "$self->{marker}\n";
		$rows .= $line;
	}
	chomp $rows;
	return $rows;
}

sub query
{
	my ($self, $sql) = @_;

	$self->send($sql);
	return $self->wait;
}

# A session that died is no error here.
sub quit
{
	my ($self) = @_;

	local $SIG{PIPE} = 'IGNORE';
	print { $self->{to} } "\\q\n";
	close $self->{to};
	1 while defined readline $self->{from};
	waitpid $self->{pid}, 0;
}

1;

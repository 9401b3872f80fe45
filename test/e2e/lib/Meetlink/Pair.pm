package Meetlink::Pair;

# A primary and its synchronous standby, whose roles change: what a commit has acknowledged survives every
# restart and failover, so that a test may insist on it.
use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use Meetlink::Wait qw(wait_until);

# A pair with meetlink attached to the application's tables in database app.
sub new
{
	my ($class) = @_;
	my $self = bless { generation => 0 }, $class;
	my $primary = $self->{primary} = PostgreSQL::Test::Cluster->new('pair-0');
	$primary->init(allows_streaming => 1);
	$primary->append_conf('postgresql.conf', <<'CONF');
max_connections = 60
shared_buffers = 64MB
wal_retrieve_retry_interval = '50ms'
log_statement = none
# a standby that lags must not make the application wait for long
wal_receiver_status_interval = 1
CONF
	$primary->start;
	$primary->safe_psql('postgres', 'create database app');
	$primary->psql('app', undef, on_error_die => 1, extra_params => [ '-q', '-f', "$ENV{MEETLINK_ROOT}/test/fixture/app_schema.sql" ]);
	$primary->safe_psql('app', q{
		create extension meetlink;
		select meetlink.attach();
		create role meetlinkd login in role meetlink_sidecar});
	$self->_add_standby(PostgreSQL::Test::Cluster->new('pair-1'));
	return $self;
}

sub primary { return $_[0]{primary} }

# Both servers by name: a client finds the one that is the primary now.
sub conninfo
{
	my ($self, $user) = @_;
	my @nodes = @{$self}{qw(primary standby)};
	return sprintf "host=%s port=%s dbname=app user=%s target_session_attrs=read-write connect_timeout=3",
	  join(',', map { $_->host } @nodes), join(',', map { $_->port } @nodes), $user;
}

# Runs SQL as a superuser, in one transaction: its output, or undef when it failed or nobody knows.
sub try
{
	my ($self, $statement) = @_;
	my ($output, $errors) = ('', '');
	my $ok = eval {
		IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->conninfo(scalar getpwuid $<), '-c', $statement ],
			'<', '/dev/null', '>', \$output, '2>', \$errors, IPC::Run::timeout(20));
	};
	$self->{errors} = $errors || $@;
	return undef unless $ok;
	chomp $output;
	return $output;
}

# The same, until it succeeds.
sub sql
{
	my ($self, $statement) = @_;
	my $result;
	eval { wait_until("PostgreSQL answers", sub { defined($result = $self->try($statement)) }, 30) } or die "$statement: $self->{errors}";
	return $result;
}

# The primary's processes are killed, or end in order; then it starts again.
sub restart
{
	my ($self, $mode) = @_;
	$self->{primary}->stop($mode);
	$self->{primary}->start;
	return;
}

# The primary is gone for good: the standby takes its place, and gets a new standby at the former address.
sub fail_over
{
	my ($self) = @_;
	my $former = $self->{primary};
	$former->stop('immediate');
	# alone, it must not wait for a standby
	$self->{standby}->append_conf('postgresql.auto.conf', "synchronous_standby_names = ''");
	$self->{standby}->reload;
	$self->{standby}->promote;
	$self->{primary} = $self->{standby};
	$self->_add_standby(PostgreSQL::Test::Cluster->new('pair-' . ($self->{generation} + 1), port => $former->port));
	return;
}

sub _add_standby
{
	my ($self, $node) = @_;
	my $primary = $self->{primary};
	my $backup  = 'backup-' . ++$self->{generation};
	$primary->backup($backup);
	$node->init_from_backup($primary, $backup, has_streaming => 1);
	$node->start;
	$self->{standby} = $node;
	$primary->safe_psql('postgres', q{alter system set synchronous_standby_names = '*'});
	$primary->reload;
	wait_until('the standby is synchronous',
		sub { $primary->safe_psql('postgres', q{select count(*) from pg_stat_replication where sync_state = 'sync'}) });
	return;
}

1;

package Meetlink::World;

# What an end-to-end test needs, made in one call: a server with the application's tables and meetlink
# attached, the stand-in provider, and a daemon.
use strict;
use warnings;

use JSON::PP qw(decode_json);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Meetlink::Daemon;
use Meetlink::Process;
use Meetlink::Standin;
use Meetlink::Tutor;
use Meetlink::Wait qw(wait_until);

# %options: plain (http instead of https), config (of the daemon), no_daemon, postgres (lines of postgresql.conf).
sub new
{
	my ($class, %options) = @_;
	my $self = bless {}, $class;
	$self->{folder} = $PostgreSQL::Test::Utils::tmp_check . '/world';
	mkdir $self->{folder};
	unlink glob "$self->{folder}/*.log";    # of the test before: all of a run share the folder

	my $node = $self->{node} = PostgreSQL::Test::Cluster->new('main');
	$node->init;
	$node->append_conf('postgresql.conf', $options{postgres} // '');
	$node->start;
	$node->safe_psql('postgres', 'create database app');
	$node->psql('app', undef, on_error_die => 1, extra_params => [ '-q', '-f', "$ENV{MEETLINK_ROOT}/test/fixture/app_schema.sql" ]);
	$node->safe_psql('app', q{
		create extension meetlink;
		select meetlink.attach(mapping => '{"grant_to": ["authenticated"]}');
		create role meetlinkd login in role meetlink_sidecar});

	$self->{standin} = Meetlink::Standin->new(folder => $self->{folder}, plain => $options{plain});
	$self->{daemon} = $self->add_daemon(config => $options{config} // {});
	$self->{daemon}->start unless $options{no_daemon};
	return $self;
}

sub node    { return $_[0]{node} }
sub standin { return $_[0]{standin} }
sub daemon  { return $_[0]{daemon} }

# Another daemon, not started. %options as for Meetlink::Daemon.
sub add_daemon
{
	my ($self, %options) = @_;
	return Meetlink::Daemon->new(
		folder => $self->{folder}, standin => $self->{standin},
		conninfo => $self->{node}->connstr('app') . ' user=meetlinkd', %options);
}

sub sql
{
	my ($self, $statement) = @_;
	return $self->{node}->safe_psql('app', $statement);
}

# Runs SQL in a session of its own, meanwhile: a Meetlink::Process, whose output is the result.
sub later
{
	my ($self, $statement) = @_;
	return Meetlink::Process->start(
		{ output => "$self->{folder}/session-" . ++$self->{sessions} . '.out' },
		'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $self->{node}->connstr('app'), '-c', $statement);
}

# What SELECT retry_meeting_link(id) answers. %options: wait (an interval), before (SQL in the same session).
sub retry
{
	my ($self, $session, %options) = @_;
	my $wait = $options{wait} // '30 s';
	return decode_json($self->sql(($options{before} // '') . "select retry_meeting_link('$session', '$wait')"));
}

sub tutor
{
	my ($self, %options) = @_;
	return Meetlink::Tutor->new(sql => sub { $self->sql(@_) }, standin => $self->{standin}, key => 'test key', %options);
}

# The session's link, once it is there.
sub link_of
{
	my ($self, $session, $limit) = @_;
	return wait_until("session $session has a link",
		sub { $self->sql("select join_url from sessions where id = '$session'") }, $limit);
}

# Waits until the session's job is in a state, with a reason if one is given.
sub wait_for_job
{
	my ($self, $session, $state, $reason) = @_;
	return wait_until("the job of $session is $state" . (defined $reason ? " for $reason" : ''),
		sub {
			my $job = $self->job($session);
			return $job->{state} eq $state && (!defined $reason || $job->{reason} eq $reason) ? $job : undef;
		});
}

# Waits until this many sessions wait inside retry_meeting_link().
sub wait_for_retries
{
	my ($self, $count) = @_;
	return wait_until("$count sessions wait in retry_meeting_link()",
		sub { $count == $self->sql("select count(*) from pg_stat_activity where wait_event = 'Extension' and query ~ 'retry_meeting_link'") });
}

# The job as a hash of state, reason, detail, attempts; state '' when there is none.
sub job
{
	my ($self, $session) = @_;
	my %job;
	@job{qw(state reason attempts detail)} = split /\|/, $self->sql(
		"select state, coalesce(reason, ''), attempts, coalesce(detail, '') from meetlink.job where session_id = '$session'"), 4;
	$job{$_} //= '' for qw(state reason attempts detail);
	return \%job;
}

1;

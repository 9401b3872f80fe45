# A server with meetlink attached to the application's tables, and sessions of it that wait and listen.
package Meetlink::Database;

use strict;
use warnings;

use Exporter qw(import);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(start_server load_application ada listener rings start_waiting daemon_id);

# A running node with meetlink attached in database postgres. attach => 0: only a running node. preload => 1:
# with meetlink in shared_preload_libraries. conf: more lines of postgresql.conf.
sub start_server
{
	my ($name, %options) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(%{ $options{init} // {} });
	$node->append_conf('postgresql.conf', "max_prepared_transactions = 10\nautovacuum = off");
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'meetlink'\nrestart_after_crash = on") if $options{preload};
	$node->append_conf('postgresql.conf', $options{conf} // '');
	$node->start;
	if ($options{attach} // 1)
	{
		load_application($node, 'postgres');
		$node->safe_psql('postgres', 'create extension meetlink; select meetlink.attach()');
	}
	return $node;
}

# The application's tables with two tutors, of whom Ada has a Zoom account.
sub load_application
{
	my ($node, $database) = @_;
	my $fixture = "$ENV{MEETLINK_ROOT}/test/fixture";
	$node->safe_psql($database,
		slurp_file("$fixture/app_schema.sql") . slurp_file("$fixture/people.sql")
		  . 'select fixture.connect(fixture.ada())');
	return;
}

sub ada { return '00000000-0000-0000-0000-00000000000a' }

sub daemon_id
{
	my ($node, $name) = @_;
	return $node->safe_psql('postgres', "select daemon_id from meetlink.register_daemon('$name', '0.1')");
}

# A session that listens at the doorbell.
sub listener
{
	my ($node, $database) = @_;
	my $session = $node->background_psql($database // 'postgres');
	$session->query_safe('listen meetlink');
	return $session;
}

# How often the doorbell rang since the last call. Notifications come in the order of the commits, so
# when the listener's own has arrived, every earlier one has.
my $marks = 0;

sub rings
{
	my ($listener) = @_;
	my $mark   = 'mark ' . ++$marks;
	my $output = $listener->query("notify meetlink, '$mark'");
	die "the listener's own notification did not arrive: $output" unless $output =~ /"$mark"/;
	return scalar grep { /notification "meetlink" received/ } split /\n/, $output;
}

# Starts a statement that must wait for a lock, and returns when it does; the caller goes on, and later
# asks the session for its next result.
sub start_waiting
{
	my ($node, $session, $statement) = @_;
	my $pid = $session->query_safe('select pg_backend_pid()');
	$session->query_until(qr/started/, "\\echo started\n$statement;\n");
	$node->poll_query_until('postgres',
		"select exists (select from pg_stat_activity where pid = $pid and wait_event_type = 'Lock')")
	  or die "\"$statement\" did not wait";
	return;
}

1;

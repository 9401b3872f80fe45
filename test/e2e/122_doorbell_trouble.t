# What can be wrong with the preloaded doorbell: settings out of range, no worker slot, a library of another
# version, a standby. The server always starts, bookings always work and ring, the log and
# meetlink.doorbell() say what is wrong.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Connection;
use Meetlink::Database;
use Meetlink::Wait qw(wait_until);

my $sessions = 0;
sub book { return 'select fixture.book(' . ++$sessions . ')' }

sub listening
{
	my ($node, $database) = @_;
	my $connection = Meetlink::Connection->new($node, $database);
	$connection->query('listen meetlink');
	return $connection;
}

sub logged
{
	my ($node, $pattern) = @_;
	return scalar(() = slurp_file($node->logfile) =~ /$pattern/g);
}

# --- settings -------------------------------------------------------------------------------------
my $node = start_server('trouble', preload => 1, init => { allows_streaming => 1 }, conf => 'meetlink.notify_interval = 5s');
my $app = listening($node);
is($app->query('show meetlink.notify_interval'), '2ms', 'with a value out of range the server starts, with the default');
is(logged($node, qr/WARNING:  5000 ms is outside the valid range for parameter "meetlink.notify_interval" \(1(?: ms)? \.\. 1000(?: ms)?\)/), 1, 'and says so in its log');
for my $value ("'0'", "'-1'", "'2s'", "'1 week'", "'soon'", "'NaN'")
{
	ok(!eval { $app->query("alter system set meetlink.notify_interval = $value") }, "ALTER SYSTEM refuses $value: " . ($@ =~ s/\n//r));
}
ok(!eval { $app->query('set meetlink.notify_interval = 1') }, 'it is a setting of the whole server: ' . ($@ =~ s/\n//r));
$node->append_conf('postgresql.conf', 'meetlink.notify_interval = 0');
$node->reload;
wait_until('the log names the bad value', sub { logged($node, qr/LOG:  0 ms is outside the valid range for parameter "meetlink.notify_interval"/) });
is($app->query('show meetlink.notify_interval'), '2ms', 'a bad value at reload is named in the log, and the old one stays');
$app->query(book());
ok($app->notification(20), 'bookings ring');
$node->append_conf('postgresql.conf', 'meetlink.notify_interval = 3');
$node->reload;
wait_until('3 ms', sub { $app->query('show meetlink.notify_interval') eq '3ms' });
pass('a good one is taken');

# --- versions -------------------------------------------------------------------------------------
is($app->query('select library_version = extversion from meetlink.doorbell(), pg_extension where extname = \'meetlink\''), 't', 'library and extension have the same version');
is(logged($node, qr/preloaded library has version/), 0, 'nothing to say');
my $gone = sub { wait_until('the worker has left', sub { $app->query('select worker is null from meetlink.doorbell()') eq 't' }) };
my $version = $app->query('select library_version from meetlink.doorbell()');
for my $case ([ '0.0.9', 'Run ALTER EXTENSION meetlink UPDATE in that database' ], [ '999.0', 'Restart the server' ])
{
	my ($installed, $hint) = @$case;
	$node->restart;
	$app = listening($node);
	$app->query("update pg_extension set extversion = '$installed' where extname = 'meetlink'");
	for (1 .. 2)
	{
		$app->query(book());
		ok($app->notification(20), "with the extension at $installed bookings ring");
		$gone->();
	}
	is(logged($node, qr/WARNING:  meetlink's preloaded library has version \Q$version\E, but the extension in database "postgres" has version $installed\n[^\n]*HINT:  $hint/),
		1, 'and the log says once what to do');
	like($app->query(q{select status || ': ' || detail || ' / ' || hint from meetlink.health() where check_name = 'library'}),
		qr/^error: version \Q$version\E of the C\+\+ library, but $installed of the extension is installed \/ $hint/, 'and so does health()');
}
$app->query("update pg_extension set extversion = '$version' where extname = 'meetlink'");

# --- a standby ------------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', 'meetlink.notify_interval = 2');
$node->backup('backup');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'backup', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $there = Meetlink::Connection->new($standby);
is($there->query('select preloaded, launcher is null, problem from meetlink.doorbell()'), 't|t|', 'a standby has no launcher, which is no problem');
undef $_ for $app, $there;
$node->stop;
$standby->promote;
$there = listening($standby);
wait_until('there is a launcher', sub { $there->query('select launcher is not null from meetlink.doorbell()') eq 't' });
$there->query(book());
ok($there->notification(20), 'promoted, it rings');
is($there->query('select mode from meetlink.doorbell()'), 'preload', 'through a worker');
undef $there;
$standby->stop;

# --- worker slots ---------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', 'max_worker_processes = 0');
$node->start;
is(logged($node, qr/LOG:  too many background workers/), 2, 'without any worker slot the server starts, and says whom it could not start') or diag slurp_file($node->logfile);
$app = listening($node);
is($app->query('select mode, preloaded, launcher, worker, problem, hint from meetlink.doorbell()'),
	'notify|t|||its launcher is not running|The server log says why; it needs a slot of max_worker_processes.', 'doorbell() says so too');
for (1 .. 2)
{
	$app->query(book());
	ok($app->notification(20), 'a booking sends its NOTIFY itself');
}
undef $app;

$node->append_conf('postgresql.conf', 'max_worker_processes = 3');    # logical replication, launcher, one worker
$node->restart;
$app = listening($node);
$app->query('create database other template template0');
load_application($node, 'other');
$node->safe_psql('other', 'create extension meetlink; select meetlink.attach()');
my $other = listening($node, 'other');
$other->query(book());
ok($other->notification(20), 'one worker slot serves one database');
$app->query(book());
wait_until('the launcher has tried', sub { $app->query('select problem from meetlink.doorbell()') ne '' });
is($app->query('select mode, problem, hint from meetlink.doorbell()'),
	'notify|no background worker slot is free for this database|Increase max_worker_processes.', 'there is none for a second one');
is($app->query(q{select status || ': ' || detail || ' / ' || hint from meetlink.health() where check_name = 'doorbell'}),
	'warning: NOTIFY is queued by the booking transaction when it commits, because no background worker slot is free for this database; the queue is 0 % full / Increase max_worker_processes.',
	'health() says so');
for (1 .. 3)
{
	$app->query(book());
	ok($app->notification(20), 'where bookings send their NOTIFY themselves');
}
is(logged($node, qr/WARNING:  no background worker slot is free for meetlink's doorbell in database \d+\n.*DETAIL.*\n.*HINT:  Increase max_worker_processes/), 1,
	'and the log says once what to do');
is($other->query('select mode, problem from meetlink.doorbell()'), 'preload|', 'the first one has no problem');
wait_until('a worker is there', sub { $app->query('select mode from meetlink.doorbell()') eq 'preload' });
ok($app->notification(20), 'when the slot is free again, the ring that waited for a worker is answered');
is($app->query('select problem from meetlink.doorbell()'), '', 'and all is well');

# --- workers that cannot work ---------------------------------------------------------------------
# A database that is dropped while its bell waits for a slot.
$app->query(book());
$gone = sub { wait_until('no worker', sub { Meetlink::Connection->new($node)->query(q{select count(*) from pg_stat_activity where backend_type = 'meetlink doorbell'}) eq '0' }) };
$gone->();
$other->query(book());
$other->notification(20);
$app->query(book());
wait_until('the launcher has tried', sub { $app->query('select problem from meetlink.doorbell()') ne '' });
undef $_ for $app, $other;
$node->safe_psql('template1', 'drop database postgres');
wait_until('the launcher has given up', sub { logged($node, qr/WARNING:  meetlink's doorbell workers for database \d+ end before they can send a NOTIFY/) });
wait_until('three workers have failed', sub { logged($node, qr/FATAL:  database \d+ does not exist/) == 3 });
pass('a bell of a database that was dropped meanwhile is tried three times');
is(logged($node, qr/WARNING:  meetlink's doorbell workers for database \d+ end before they can send a NOTIFY/), 1, 'which the log says once');
$node->stop;
done_testing();

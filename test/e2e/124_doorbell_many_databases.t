# More databases that are being booked in than there are bells: the last one sends its NOTIFY itself, until a
# bell is free.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use Meetlink::Connection;
use Meetlink::Database;
use Meetlink::Wait qw(wait_until);

plan skip_all => 'makes 65 databases; MEETLINK_LONG_TESTS=1 asks for it' unless $ENV{MEETLINK_LONG_TESTS};

# Without a worker slot a bell stays in use for as long as it waits for one.
my $node = start_server('many', attach => 0, preload => 1, conf => 'max_worker_processes = 2');
$node->safe_psql('postgres', 'create database db0 template template0');
$node->safe_psql('db0', 'create extension meetlink');
$node->safe_psql('postgres', "create database db$_ template db0 strategy file_copy") for 1 .. 64;
for my $number (1 .. 64)
{
	my $session = Meetlink::Connection->new($node, "db$number");
	$session->query('select meetlink.ring()');
	wait_until("db$number waits for a worker", sub { $session->query('select problem from meetlink.doorbell()') =~ /^no background worker slot/ });
}
my $last = Meetlink::Connection->new($node, 'db0');
$last->query('listen meetlink');
is($last->query('select mode, problem from meetlink.doorbell()'), 'notify|64 other databases are being booked in, which is the most it serves', '64 bells are in use');
for (1 .. 2)
{
	$last->query('select meetlink.ring()');
	ok($last->notification(20), 'a booking in the 65th database sends its NOTIFY itself');
}
is(scalar(() = slurp_file($node->logfile) =~ /LOG:  meetlink's doorbell serves 64 databases already, and not database \d+\n/g), 1, 'which the log says once');

$node->append_conf('postgresql.conf', "max_worker_processes = 4\nmeetlink.doorbell_idle_timeout = 1");
$node->restart;
$last = Meetlink::Connection->new($node, 'db0');
$last->query('listen meetlink');
# more databases than bells one after the other, with two workers at a time
for my $number (1 .. 64)
{
	my $session = Meetlink::Connection->new($node, "db$number");
	$session->query('listen meetlink');
	wait_until("db$number has a bell", sub { $session->query('select mode from meetlink.doorbell()') eq 'preload' });
	$session->query('select meetlink.ring()');
	$session->notification(30) or die "db$number was not heard\n";
}
$last->query('select meetlink.ring()');
ok($last->notification(20), 'a bell that nobody uses any more serves another database');
is($last->query('select mode, problem from meetlink.doorbell()'), 'preload|', 'without any problem');

undef $last;
$node->stop;
done_testing();

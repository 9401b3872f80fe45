# The wire between the daemon and the providers: whose certificates are believed, and that the authorities
# are read once for all connections, not for each of them.
use strict;
use warnings;

use Meetlink::World;
use Test::More;

my $world       = Meetlink::World->new(no_daemon => 1);
my $authorities = $world->node->basedir . '/authorities.pem';
my $stranger    = $world->node->basedir . '/stranger.pem';
system('openssl', qw(req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=stranger -keyout /dev/null -out), $stranger) == 0
	or die 'openssl';

my $daemon = $world->add_daemon(config => { tls => { ca_file => qq{"$stranger"} } })->start;
my $tutor  = $world->tutor(name => 'Ann', provider => 'zoom');
my $session = $tutor->book;
my $job = $world->wait_for_job($session, 'waiting', 'network_error');
like($job->{detail}, qr/certificate/, 'a certificate of an authority that the file does not name is refused, and the detail says so');
is_deeply($world->standin->requests(provider => 'zoom')->{requests}, [], 'not a byte of a request was sent');
$daemon->stop;

rename $world->standin->ca_file, $authorities or die $!;
$daemon->configure(tls => { ca_file => qq{"$authorities"} });
$daemon->start;
$world->sql("select retry_meeting_link('$session', '0')");
ok($world->link_of($session), 'one that it names is believed');

$world->standin->fault(operation => 'create', effect => 'delay', headers => { Connection => 'close' }, times => 'forever');
unlink $authorities or die $!;
ok($world->link_of($tutor->book), 'the file is gone, and links still come') for 1 .. 3;
my %connections = map { ($_->{connection} => 1) } @{ $world->standin->requests(operation => 'create')->{requests} };
cmp_ok(scalar keys %connections, '>=', 3, 'over new connections: the authorities are kept');

is($daemon->stop, 0, 'the daemon ends in order');
done_testing();

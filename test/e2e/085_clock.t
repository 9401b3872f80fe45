# Clocks that disagree: only the database's decides whether a session is over, a token has expired, or where
# a meeting is to be looked for.
use strict;
use warnings;

use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'libfaketime is not installed' unless $library;

# http, because a certificate's validity is judged by the local clock, rightly
my $world = Meetlink::World->new(no_daemon => 1, plain => 1);
my ($standin, $daemon) = ($world->standin, $world->daemon);
my $file = "$world->{folder}/clock";

# The daemon's clock from now on.
sub jump
{
	my ($offset) = @_;
	open(my $clock, '>', "$file.new") or die $!;
	print $clock "$offset\n";
	close $clock;
	rename "$file.new", $file or die $!;
	return;
}
sub count { return scalar @{ $standin->requests(@_)->{requests} } }

jump('+3600');
$daemon->start(environment => { LD_PRELOAD => $library, FAKETIME_TIMESTAMP_FILE => $file, FAKETIME_NO_CACHE => 1, FAKETIME_DONT_FAKE_MONOTONIC => 1 });
my ($first) = reverse @{ $daemon->log };    # the file may have lines of an earlier test
cmp_ok($first->{ts}, 'gt', $world->sql(q{select to_char(now() at time zone 'UTC' + interval '50 min', 'YYYY-MM-DD"T"HH24:MI')}), 'the daemon is an hour ahead');

for my $provider (qw(google_meet zoom))
{
	my $tutor = $world->tutor(name => "Ann-$provider", provider => $provider);

	jump('+3600');
	$world->sql("update tutor_video_provider_connections set token_expires_at = now() + interval '40 minutes' where tutor_id = '" . $tutor->id . "'");
	ok($world->link_of($tutor->book('-30 minutes')), "$provider, an hour ahead: a session that has half an hour left gets its link");
	is(count(operation => 'token', account => $tutor->account), 0, 'with the token that is still good');

	jump('-3600');
	$world->sql("update tutor_video_provider_connections set token_expires_at = now() - interval '10 minutes' where tutor_id = '" . $tutor->id . "'");
	ok($world->link_of($tutor->book), 'an hour behind: a session gets its link');
	is(count(operation => 'token', account => $tutor->account), 1, 'after a refresh of the token that has expired');
	is(count(status => 401, account => $tutor->account), 0, 'without asking the provider first');

	$standin->fault(effect => 'cut_after', operation => 'create', account => $tutor->account);
	my $session = $tutor->book('-5 minutes');
	ok($world->link_of($session), 'a create whose answer is lost, for a session that has begun');
	is(scalar @{ $standin->meetings($session) }, 1, 'makes one meeting');
}
is(count(operation => 'list', contains => 'type=upcoming'), 0, 'which is looked for among those that have begun, too');

# while a session is worked on, and back and forth
my $tutor = $world->tutor(name => 'Ben', provider => 'zoom');
my $hold  = $standin->fault(effect => 'hold', operation => 'create', account => $tutor->account);
my $held  = $tutor->book;
$standin->wait_for_held($hold);
jump($_) for '+3600', '-3600', '+86400';
$standin->release($hold);
ok($world->link_of($held), 'the clock jumps while the provider works');
is($world->sql("select count(*) from meetlink.attempt where outcome in ('rescued', 'lost')"), 0, 'and no claim is lost by it');
is($daemon->stop, 0, 'the daemon ends well');
done_testing();

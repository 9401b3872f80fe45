# HTTP/2 towards the providers: many requests on one connection, and what becomes of the others on it when one
# goes wrong. Whatever a provider does to a stream or to a connection, each session gets one meeting.
use strict;
use warnings;

use Meetlink::World;
use Meetlink::Wait qw(wait_until);
use Test::More;

my $world = Meetlink::World->new(
	config => { sidecar => { http_version => '"2"', http_timeout => '"2s"', lease => '"5s"' }, zoom => { max_per_connection => 100, max_per_second => 10000 } });
my $standin = $world->standin;

sub requests { my (%filter) = @_; return @{ $standin->requests(%filter)->{requests} } }

sub connections_of
{
	my %numbers = map { ($_->{connection} => 1) } @_;
	my @sorted = sort { $a <=> $b } keys %numbers;
	return @sorted;
}

# Books so many sessions in one transaction; their ids.
sub book
{
	my ($tutor, $count) = @_;
	my $before = $world->sql('select coalesce(max(created_at), now()) from sessions');
	$tutor->book_many($count);
	return split /\n/, $world->sql("select id from sessions where created_at > '$before'");
}

# One link and one meeting for each, however many attempts that took.
sub all_linked_once
{
	my ($name, @sessions) = @_;
	my $linked = grep { $world->link_of($_, 60) } @sessions;
	my @wrong = grep { @{ $standin->meetings($_) } != 1 } @sessions;
	is_deeply([ $linked, @wrong ], [ scalar @sessions ], "$name: each session has its link, and one meeting");
	return;
}

# One for each part: meetlink keeps within what Zoom allows a user in a day.
sub tutor { my ($name) = @_; return $world->tutor(name => $name, provider => 'zoom', account_options => { daily_limit => 0 }) }

# --- one connection for all
my $held = $standin->fault(operation => 'create', effect => 'hold', times => 'forever');
my @sessions = book(tutor('many'), 40);
wait_until('all of them are held', sub { $standin->admin(GET => "faults/$held")->{held} == 40 });
my @creates = requests(operation => 'create');
is(scalar connections_of(@creates), 1, '40 requests wait at the same time on one connection');
is_deeply([ grep { $_->{http} ne '2' } @creates ], [], 'they speak HTTP/2');
$standin->clear_faults;
all_linked_once('multiplexed', @sessions);

# --- one stream goes wrong, or the connection with everything on it; all of that at the same time
my %booked;
for my $effect (qw(abort_before abort_after refuse truncated goaway cut_after cut_before))
{
	my $tutor = tutor($effect);
	$standin->fault(account => $tutor->account, operation => 'create', effect => $effect, reset => $effect eq 'cut_before' ? \1 : \0, skip => 1, times => 3);
	$booked{$effect} = [ book($tutor, 10) ];
}
all_linked_once($_, @{ $booked{$_} }) for sort keys %booked;
my %outcomes = map { ($_->{outcome} => 1) } requests(operation => 'create');
is_deeply([ sort keys %outcomes ], [qw(aborted answered cut refused truncated)], 'all of that happened');

# --- a stream that is never answered takes no other with it, and the next request another connection
my $before = (connections_of(requests(operation => 'create')))[-1];
$standin->fault(operation => 'create', effect => 'hang_after');
my $slow = $standin->fault(operation => 'create', effect => 'delay', answer_delay_ms => 1500);
my $ann = tutor('Ann');
my ($lost, $patient) = book($ann, 2);
$world->wait_for_job($lost, 'waiting', 'provider_timeout');
ok($world->link_of($patient), 'beside one that times out, a slow answer is still read');
all_linked_once('after the timeout', $ann->book, $lost);
is(scalar(grep { $_ > $before } connections_of(requests(operation => 'create'))), 1, 'over a new connection');

is($world->daemon->stop, 0, 'the daemon ends in order');

# --- a provider that speaks HTTP/1.1 only
my $old = Meetlink::Standin->new(folder => $world->node->basedir, no_http2 => 1);
my $other = $world->add_daemon(standin => $old, name => 'other', config => { sidecar => { http_version => '"2"' } })->start;
my $bob = Meetlink::Tutor->new(sql => sub { $world->sql(@_) }, standin => $old, key => 'test key', name => 'Bob', provider => 'google_meet');
ok($world->link_of($bob->book), 'a provider that speaks HTTP/1.1 only is spoken to in HTTP/1.1');
is_deeply([ grep { $_->{http} ne '1.1' } @{ $old->requests->{requests} } ], [], '... all the time');
is($other->stop, 0, 'that daemon ends in order, too');

done_testing();

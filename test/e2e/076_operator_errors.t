# The operator's errors are not the tutors': said once, tried by one request instead of thousands, and over by themselves
# once they are mended. And a new encryption key: meetlinkd --reencrypt, interrupted, resumed, and with rows it cannot read.
use strict;
use warnings;

use Meetlink::Ciphertext qw(encrypt_cbc);
use Meetlink::Process;
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $fast    = { zoom => { max_per_second => 10000 } };
my $world   = Meetlink::World->new(no_daemon => 1, config => $fast);
my $standin = $world->standin;
my $table   = 'tutor_video_provider_connections';

sub calls { my (%filter) = @_; return scalar @{ $standin->requests(provider => 'zoom', %filter)->{requests} } }
sub marked { return $world->sql("select count(*) from $table where not is_active or connection_status <> 'connected'") }
sub all_blocked
{
	my ($reason) = @_;
	return wait_until("all 20 jobs are blocked for $reason",
		sub { $world->sql("select count(*) from meetlink.job where state = 'blocked' and reason = '$reason'") eq '20' });
}

# The minute between two probes is over.
sub probe { $world->sql("update meetlink.provider_block set probe_at = now()"); return }
sub said_once
{
	my ($reason) = @_;
	is($world->sql("select count(*) from meetlink.health() where check_name = 'backlog: $reason' and status = 'error'"), '1', 'health() says it once');
	is($world->sql("select distinct acts from meetlink.stuck_sessions"), 'operator', 'it is the operator who acts');
	is(marked(), '0', 'and no tutor is to blame');
	return;
}

my @tutors = map { $world->tutor(name => "op$_") } 1 .. 20;

# --- a wrong client secret: 20 sessions of 20 owners, all of them due at the start ------------------------------

$_->expire_access for @tutors;
$standin->admin(POST => 'clients', { provider => 'zoom', client_id => 'zoom-client', client_secret => 'changed' });
my @sessions = map { $_->book } @tutors;
$world->daemon->start;
all_blocked('client_rejected');
is(calls(operation => 'token'), 1, 'a wrong client secret: one request, since nobody else asks until the provider has accepted the secret once');
is(calls(operation => 'create'), 0, 'and none for a meeting');
said_once('client_rejected');
wait_until('a probe has asked', sub { probe(); calls(operation => 'token') == 2 });
all_blocked('client_rejected');
is(calls(operation => 'token'), 2, 'each probe is one request');
$standin->admin(POST => 'clients', { provider => 'zoom', client_id => 'zoom-client', client_secret => 'zoom-secret' });
wait_until('a probe succeeds', sub { probe(); $world->sql('select count(*) from meetlink.provider_block') eq '0' });
$world->link_of($_, 120) for @sessions;
is(calls(operation => 'token'), 22, 'once the secret is right the next probe succeeds, and the others follow by themselves: 20 refreshes of 20 owners');
is($world->sql('select count(*) from meetlink.provider_block'), '0', 'the block is gone');

# --- the application lacks a scope ------------------------------------------------------------------------------

is($world->daemon->stop, 0, 'the daemon ends');
$world->sql("update meetlink.attempt set finished_at = finished_at - interval '11 minutes'");    # nobody got a link lately
my $before = calls(operation => 'create');
$standin->fault(provider => 'zoom', operation => 'create', effect => 'zoom.4711', times => 'forever');
@sessions = map { $_->book } @tutors;
my $one = $world->add_daemon(name => 'one', config => { %$fast, sidecar => { max_in_flight => 1 } })->start;
all_blocked('app_scope_missing');
my $asked = calls(operation => 'create') - $before;
# one more may go out while the third refusal is being stored
ok($asked == 3 || $asked == 4, "a missing scope: $asked requests for 20 owners; what three tutors in a row run into is the application's");
said_once('app_scope_missing');
$standin->clear_faults;
probe();
$world->link_of($_, 120) for @sessions;
is(calls(operation => 'create') - $before, $asked + 20, 'once it is added, the probe gets its link and the other 19 follow by themselves');

# --- links of a host that link_hosts does not name --------------------------------------------------------------

is($one->stop, 0, 'the daemon ends');
@sessions = map { $_->book } @tutors;
my $strict = $world->add_daemon(name => 'strict', config => { zoom => { %{ $fast->{zoom} }, link_hosts => '[".example.org"]' } })->start;
all_blocked('link_rejected');
said_once('link_rejected');
is($strict->stop, 0, 'the daemon ends');
$one->start;
$world->link_of($_, 120) for @sessions;
pass('a start with link_hosts put right tries all 20 again');
is(join(' ', map { scalar @{ $standin->meetings($_) } } @sessions), join(' ', (1) x 20), 'and finds the meetings that were made');

# --- a wrong encryption key -------------------------------------------------------------------------------------

is($one->stop, 0, 'the daemon ends');
$before = calls();
@sessions = map { $_->book } @tutors;
my $wrong = $world->add_daemon(name => 'wrong', key => 'not the key', config => $fast)->start;
all_blocked('token_undecryptable');
is(calls() - $before, 0, 'a wrong encryption key: the provider is not asked at all');
said_once('token_undecryptable');
is($wrong->stop, 0, 'the daemon ends');
my %new_key = (key => 'new key', config => { %$fast, tokens => { previous_keys => '["test key"]', cipher => '"aes-256-gcm"' } });
my $new = $world->add_daemon(name => 'new', %new_key)->start;
$world->link_of($_, 120) for @sessions;
pass('with the right key among the former ones all 20 heal at the start');

# --- a new key for 3,000 connections, killed half-way -----------------------------------------------------------

my $stored = encrypt_cbc('test key', 'a-token-of-somebody');
$world->sql("with p as (insert into profiles (role, full_name) select 'tutor', n from generate_series(1, 3000) n returning id)
	insert into $table (tutor_id, provider, provider_account_email, access_token_encrypted, refresh_token_encrypted, token_expires_at)
	select id, 'zoom', 'many\@example.org', '$stored', '$stored', now() + interval '1 hour' from p");
my $all = $world->sql("select count(*) from $table");
sub left { return $world->sql("select count(*) from $table where not (access_token_encrypted like 'v2:%' and refresh_token_encrypted like 'v2:%')") }
my $began  = left();
my $output = "$world->{folder}/killed.out";
my $run    = Meetlink::Process->start({ output => $output }, $new->command('--reencrypt'));
wait_until('some rows are done', sub { left() < $began - 200 });
$run->signal('KILL');
$run->wait_for_end;
my $left = left();
ok($left > 0 && $left < $began, "--reencrypt beside a running daemon, killed with $left of $began connections to go");
is($world->sql("select count(*) from $table where access_token_encrypted like 'v2:%' and refresh_token_encrypted not like 'v2:%'"), '0', 'no row is half done');
my ($code, $text) = $new->run('--reencrypt');
is($code, 0, 'run again, it ends with status 0') or diag $text;
is(left(), '0', "and all $all connections are in the authenticated format");
my @progress = map { /"event":"reencrypting".*"of":(\d+).*"rewritten":(\d+)/ ? [ $1, $2 ] : () } split /\n/, $text;
cmp_ok(scalar @progress, '>=', 6, scalar(@progress) . ' lines of progress');
ok((!grep { $progress[$_][1] < $progress[ $_ - 1 ][1] } 1 .. $#progress) && $progress[0][0] == $all, 'that count towards the whole');
like($text, qr/"event":"reencrypted".*"rewritten":$left\b/, "it did the $left that were left, no more");
($code, $text) = $new->run('--reencrypt');
like($text, qr/"rewritten":0/, 'a third run finds nothing to do');

my ($lost, $broken) = @tutors[ 5, 6 ];
$world->sql("update $table set access_token_encrypted = '" . encrypt_cbc('nobody has this key', 'x' x 40) . "' where tutor_id = '" . $lost->id . "'");
$world->sql("update $table set refresh_token_encrypted = 'not hexadecimal' where tutor_id = '" . $broken->id . "'");
my $was = $world->sql("select access_token_encrypted, refresh_token_encrypted from $table where tutor_id in ('" . $lost->id . "', '" . $broken->id . "') order by tutor_id");
($code, $text) = $new->run('--reencrypt');
is($code, 1, 'with rows that no key opens it ends with status 1');
like($text, qr/"event":"not_reencrypted".*"owner":"@{[$_->id]}"/, 'names the owner') for $lost, $broken;
like($text, qr/"unreadable":2/, 'counts them');
is($world->sql("select access_token_encrypted, refresh_token_encrypted from $table where tutor_id in ('" . $lost->id . "', '" . $broken->id . "') order by tutor_id"), $was, 'and leaves them alone');
unlike($text, qr/a-token-of-somebody|standin-secret|new key|test key/, 'no secret is told');

is($new->stop, 0, 'the daemon ends');
my $only_new = $world->add_daemon(name => 'only-new', key => 'new key', config => { %$fast, tokens => { cipher => '"aes-256-gcm"' } })->start;
ok($world->link_of($tutors[1]->book), 'the former key is not needed any more');
is($only_new->stop, 0, 'the daemon ends in order');
done_testing();

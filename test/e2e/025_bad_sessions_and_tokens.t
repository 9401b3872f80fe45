# Sessions that cannot become meetings, and stored tokens that cannot be used: a typed reason on that one
# row, while everything else goes on.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Meetlink::Ciphertext qw(encrypt_cbc);
use Meetlink::World;
use Test::More;

# The application's own checks must not stand in the way of what is tried here.
my $world = Meetlink::World->new(no_daemon => 1);
$world->sql('alter table sessions drop constraint sessions_provider_check, alter scheduled_end_at drop not null,
	alter scheduled_start_at drop not null, alter duration_minutes drop not null');
$world->daemon->start;
my $healthy = $world->tutor(name => 'Healthy');
my $tutor   = $world->tutor(name => 'Ann');

# Changes a session before anything was flagged for it.
sub book_as
{
	my ($of, $change) = @_;
	my ($session) = $world->sql("with b as (insert into bookings (tutor_id, student_id, status) values ('" . $of->id . "', '" . $of->student . "', 'PENDING') returning *),
		base as (select b.id as booking_id, b.tutor_id, b.student_id, 'zoom' as provider, now() + interval '1 day' as scheduled_start_at,
			now() + interval '25 hours' as scheduled_end_at, 60 as duration_minutes from b)
		insert into sessions (booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
		select (n).booking_id, (n).tutor_id, (n).student_id, (n).provider, (n).scheduled_start_at, (n).scheduled_end_at, (n).duration_minutes
		from (select jsonb_populate_record(null::sessions, to_jsonb(base) || ($change)) as n from base) x returning id");
	return $session;
}

sub others_go_on { ok($world->link_of($healthy->book), 'and others go on'); return }

for my $case (
	[ 'a provider that nobody knows', q('{"provider": "skype"}'),       'blocked', 'unknown_provider', 'operator', qr/skype/ ],
	[ 'no start',                     q('{"scheduled_start_at": null}'), 'blocked', 'invalid_schedule', 'operator', qr/start/ ],
	[ 'no end and no duration', q('{"scheduled_end_at": null, "duration_minutes": null}'), 'blocked', 'invalid_schedule', 'operator', qr/end/ ],
	[ 'an end before its start', q(jsonb_build_object('scheduled_end_at', now() + interval '23 hours')), 'blocked', 'invalid_schedule', 'operator', qr/end/ ],
	[ 'an end in the past', q(jsonb_build_object('scheduled_start_at', now() - interval '3 hours', 'scheduled_end_at', now() - interval '2 hours')),
		'gave_up', 'session_over', 'nobody', qr/./ ])
{
	my ($what, $change, $state, $reason, $acts, $detail) = @$case;
	my $session = book_as($tutor, $change);
	my $job = $world->wait_for_job($session, $state, $reason);
	like($job->{detail}, $detail, "a session with $what is $state for $reason");
	is($world->sql("select acts from meetlink.reason where code = '$reason'"), $acts, "$acts acts");
	is(scalar @{ $world->standin->meetings($session) }, 0, 'no meeting is made');
	others_go_on();
}
ok($world->link_of(book_as($tutor, q('{"scheduled_end_at": null}'))), 'a duration is enough for an end');
ok($world->link_of(book_as($tutor, q(jsonb_build_object('scheduled_start_at', now() - interval '10 minutes')))), 'a session that has begun still gets its link');

my $good = encrypt_cbc('test key', 'some-access-token');
my ($iv, $body) = split /:/, $good;
my $n = 0;
for my $case (
	[ 'tokens that are not hex',             "'not hexadecimal at all'",             'token_malformed',     'operator' ],
	[ 'a token without its IV',              "'$body'",                              'token_malformed',     'operator' ],
	[ 'a token whose IV is cut',             "'" . substr($iv, 0, 30) . ":$body'",   'token_malformed',     'operator' ],
	[ 'a token that is no whole block',      "'$iv:" . substr($body, 0, 30) . "'",   'token_malformed',     'operator' ],
	[ 'tokens under another key',            "'" . encrypt_cbc('another key', 'x' x 40) . "'", 'token_undecryptable', 'operator' ],
	[ 'no tokens',                           'null',                                 'token_missing',       'tutor' ],
	[ 'empty tokens',                        "''",                                   'token_missing',       'tutor' ])
{
	my ($what, $stored, $reason, $acts) = @$case;
	my $one = $world->tutor(name => 'Token' . ++$n, provider => $n % 2 ? 'zoom' : 'google_meet');
	$world->sql("update tutor_video_provider_connections set access_token_encrypted = $stored, refresh_token_encrypted = $stored where tutor_id = '" . $one->id . "'");
	my $session = $one->book;
	$world->wait_for_job($session, 'blocked', $reason);
	is($world->sql("select acts from meetlink.stuck_sessions where session_id = '$session'"), $acts, "$what: blocked for $reason, and who acts is the $acts");
	is($world->sql("select is_active from tutor_video_provider_connections where tutor_id = '" . $one->id . "'"), 't',
		'the connection is not marked as dead') if $acts eq 'operator';
	others_go_on();
	$one->reconnect;
	ok($world->link_of($session), 'good tokens are all it needs');
}

# a valid access token and a refresh token that is broken: the access token is good until it expires
my $one = $world->tutor(name => 'Half');
$world->sql("update tutor_video_provider_connections set refresh_token_encrypted = 'broken' where tutor_id = '" . $one->id . "'");
ok($world->link_of($one->book), 'a broken refresh token does not stop an access token that is valid');
$one->forget_access;
my $session = $one->book;
$world->wait_for_job($session, 'blocked', 'token_malformed');
pass('until the access token has expired');

unlike($world->daemon->log_text, qr/some-access-token|standin-secret|test key/, 'the log holds no secret');
is($world->daemon->stop, 0, 'the daemon ends well');
done_testing();

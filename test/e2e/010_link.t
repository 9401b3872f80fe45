# The path of a row: a confirmed booking gets its link, at each provider; an expired access token is
# refreshed on the way; a revoked grant blocks with the reason, and a reconnect is all that is needed.
use strict;
use warnings;

use Meetlink::Ciphertext qw(decrypt_cbc);
use Meetlink::World;
use Test::More;

my $world = Meetlink::World->new;

my %host = (google_meet => 'meet\.google\.com', zoom => '[a-z0-9.]*zoom\.us');
for my $provider (qw(google_meet zoom))
{
	my $tutor = $world->tutor(name => "Ann-$provider", provider => $provider);

	my $session = $tutor->book;
	like($world->link_of($session), qr{^https://$host{$provider}/}, "$provider: a confirmed booking gets its link");
	is($world->job($session)->{state}, '', "$provider: and its job is gone");
	is(scalar @{ $world->standin->meetings($session) }, 1, "$provider: there is one meeting for it");
	is($world->sql("select outcome from meetlink.attempt where session_id = '$session'"), 'linked',
		"$provider: the attempt is kept");
	is($world->sql("select meeting_external_id is not null and meeting_created_at is not null from sessions where id = '$session'"),
		't', "$provider: external id and time were written with it");

	my $before = $world->sql("select access_token_encrypted from tutor_video_provider_connections where tutor_id = '" . $tutor->id . "'");
	$tutor->expire_access;
	$session = $tutor->book;
	ok($world->link_of($session), "$provider: an expired access token is refreshed, and the link made");
	my ($after, $fresh) = split /\|/, $world->sql(
		"select access_token_encrypted, token_expires_at > now() + interval '30 minutes' from tutor_video_provider_connections where tutor_id = '"
		  . $tutor->id . "'");
	isnt($after, $before, "$provider: another token is stored");
	is($fresh, 't', "$provider: with its time of expiry");
	is(decrypt_cbc('test key', $after),
		$world->standin->admin(GET => $tutor->account_path)->{access_token},
		"$provider: the application can read it");

	$tutor->revoke;
	$session = $tutor->book;
	$world->wait_for_job($session, 'blocked', 'grant_revoked');
	is( $world->sql("select is_active, connection_status from tutor_video_provider_connections where tutor_id = '" . $tutor->id . "'"),
		'f|needs_reauth', "$provider: a revoked grant marks the connection as the application does");
	is( $world->sql("select reason, acts, minutes_to_start > 1000 from meetlink.stuck_sessions where session_id = '$session'"),
		'grant_revoked|tutor|t', "$provider: stuck_sessions says why and who acts");

	$tutor->reconnect;
	ok($world->link_of($session), "$provider: after the reconnect the link comes by itself");
}

is($world->daemon->stop, 0, 'SIGTERM ends the daemon with exit code 0');
is($world->sql("select count(*) from meetlink.job"), '0', 'and no job is left');

done_testing();

# The pages in a real browser: each state of the button for tutor and student, the story of a revoked grant, the
# operators' console, hostile texts, narrow and dark, nothing that axe-core calls serious, no violation of the policy.
use strict;
use warnings;

use Meetlink::Browser;
use Meetlink::Http qw(address hs256);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $missing = Meetlink::Browser->missing;
plan skip_all => $missing if $missing;

my $world  = Meetlink::World->new(no_daemon => 1);
my $secret = 'a secret of at least thirty-two bytes';
$world->sql('create role meetlink_web login in role meetlink_gateway');
my $daemon = $world->daemon;
my %http   = (conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web"), jwt_secret => qq("$secret"));
$daemon->configure(http => { %http, listen => '"127.0.0.1:0"' }, sidecar => { poll_interval => '"500ms"' })->start;
my $site = 'http://' . address($daemon);
$daemon->configure(http => { %http, listen => '"' . address($daemon) . '"' }, sidecar => { poll_interval => '"500ms"' });    # the same address after a restart

my $soon = time + 3600;
sub token { my ($user) = @_; return hs256($secret, qq({"role":"authenticated","sub":"$user","exp":$soon})) }
my $operator = hs256($secret, qq({"role":"meetlink_operator","sub":"ops","exp":$soon}));

my $browser = Meetlink::Browser->new;
my $shots   = "$PostgreSQL::Test::Utils::tmp_check/screenshots";
mkdir $shots;

sub clean
{
	my ($page, $what) = @_;
	is_deeply($browser->axe(page => $page), [], "$what: nothing that axe-core calls serious");
	is_deeply($browser->problems, [], "$what: no error, no violation of the policy");
	return;
}

# At three widths and in both themes, for people to look at.
sub shoot
{
	my ($page, $name) = @_;
	for my $width (320, 768, 1280)
	{
		for my $scheme (qw(light dark))
		{
			$browser->resize(page => $page, width => $width, scheme => $scheme);
			$browser->screenshot(page => $page, path => "$shots/$name-$width-$scheme.png");
			is($browser->evaluate(page => $page, script => 'document.documentElement.scrollWidth <= innerWidth'), JSON::PP::true, "$name fits $width px")
			  if $scheme eq 'light';
		}
	}
	$browser->resize(page => $page, width => 1280, scheme => 'light');
	return;
}

# --- one session: expired and revoked, Retry Now, reconnect, the link by itself --------------------------

my $tutor   = $world->tutor(name => 'Ann', provider => 'zoom');
my $linked  = $tutor->book;
my $link    = $world->link_of($linked);
my $student = $tutor->student;
$browser->open(page => 'tutor', url => "$site/sessions/$linked?reconnect=/settings#token=" . token($tutor->id));
$browser->wait(page => 'tutor', selector => 'session-join-button a', text => 'Join with Zoom');
is($browser->attribute(page => 'tutor', selector => 'session-join-button a', name => 'href'), $link, 'ready: the link');
like($browser->attribute(page => 'tutor', selector => 'session-join-button a', name => 'rel'), qr/noopener/, 'in a tab that cannot reach back');
is($browser->evaluate(page => 'tutor', script => 'location.hash'), '', 'the token is no longer in the address');
clean('tutor', 'ready');

$tutor->revoke;
$tutor->forget_access;
my $stuck = $tutor->book;
$world->wait_for_job($stuck, 'blocked', 'grant_revoked');
my $url = "$site/sessions/$stuck?reconnect=/settings";
$browser->open(page => 'tutor', url => "$url#token=" . token($tutor->id));
$browser->open(page => 'student', url => "$site/sessions/$stuck#token=" . token($student));
my $retry = 'session-join-button button';
$browser->wait(page => 'tutor', selector => 'session-join-button[state=failed]');
$browser->click(page => 'tutor', selector => $retry);
$browser->wait(page => 'tutor', selector => 'session-join-button[state=failed]');
like($browser->text(page => 'tutor', selector => 'session-join-button .box'), qr/no longer accepts.*Retry Now/s, 'failed: Retry Now shows the reason again');
is($browser->text(page => 'tutor', selector => 'session-join-button a'), 'Reconnect Zoom', 'and the way to reconnect');
like($browser->text(page => 'tutor', selector => 'main'), qr/must be reconnected.*What happened/s, 'the state of the connection, and what happened');
shoot('tutor', 'failed');
clean('tutor', 'failed');
$browser->wait(page => 'student', selector => 'session-join-button[state=failed]');
is($browser->count(page => 'student', selector => $retry), 0, 'a student has nothing to press');
unlike($browser->text(page => 'student', selector => 'main'), qr/invalid|grant|What happened/i, 'and is not told why');
clean('student', 'failed, to a student');

$browser->evaluate(page => 'tutor', script => "window.seen = []; document.querySelector('session-join-button').addEventListener('meetlink-ready', (e) => window.seen.push(e.detail.join_url))");
$tutor->reconnect;
$link = $world->link_of($stuck);
$browser->wait(page => $_, selector => 'session-join-button a', text => 'Join with Zoom') for qw(tutor student);
pass('after a reconnect the link appears by itself, to both');
is_deeply($browser->evaluate(page => 'tutor', script => 'window.seen'), [$link], 'and the page is told by an event');

# --- the other states ------------------------------------------------------------------------------------

my $hold  = $world->standin->fault(effect => 'hold', operation => 'create', account => $tutor->account);
my $held  = $tutor->book;
$world->standin->wait_for_held($hold);
$browser->open(page => 'tutor', url => "$site/sessions/$held#token=" . token($tutor->id));
$browser->wait(page => 'tutor', selector => 'session-join-button[state=making]', text => 'Meeting link is being generated');
is($browser->text(page => 'tutor', selector => $retry), 'Retry Now', 'being made: yellow, with Retry Now');
$browser->evaluate(page => 'tutor', script => "document.querySelector('session-join-button').texts = { making: 'Le lien arrive' }");
$browser->wait(page => 'tutor', selector => 'session-join-button', text => 'Le lien arrive');
pass('its texts can be replaced');
$browser->evaluate(page => 'tutor', script => "document.documentElement.dir = 'rtl'");
shoot('tutor', 'making-rtl');
$browser->evaluate(page => 'tutor', script => "document.querySelector('session-join-button').shadowRoot.querySelector('button').focus()");
$browser->press(page => 'tutor', key => 'Enter');
$browser->wait(page => 'tutor', selector => 'session-join-button[state=retrying] progress');
pass('Retry Now by keyboard: progress is shown');
$world->standin->release($hold);
$browser->wait(page => 'tutor', selector => 'session-join-button[state=ready]');
clean('tutor', 'being made');

$world->standin->fault(effect => 'zoom.502_html', operation => 'create', account => $tutor->account, times => 'forever');
my $waiting = $tutor->book;
$world->wait_for_job($waiting, 'waiting');
$browser->open(page => 'tutor', url => "$site/sessions/$waiting#token=" . token($tutor->id));
$browser->wait(page => 'tutor', selector => 'session-join-button', text => 'We will try again at \d+:\d+');
pass('waiting: when it is tried again');
my $cancelled = $tutor->book;
$world->sql("update sessions set status = 'CANCELLED' where id = '$cancelled'");
$browser->open(page => 'tutor', url => "$site/sessions/$cancelled#token=" . token($tutor->id));
$browser->wait(page => 'tutor', selector => 'session-join-button', text => 'was cancelled');
my $stranger = $world->tutor(name => 'Eve');
$browser->open(page => 'stranger', url => "$site/sessions/$linked#token=" . token($stranger->id));
$browser->wait(page => 'stranger', selector => 'main', text => 'There is no such session');
$browser->open(page => 'nobody', url => "$site/sessions");
$browser->wait(page => 'nobody', selector => 'main', text => 'Sign in');
clean($_, "a page for $_") for qw(tutor stranger nobody);

# --- My Sessions, with texts that mean harm -----------------------------------------------------------------

my $evil = q{<img src=x onerror=alert(1)><script>alert(2)</script>} . chr(0x202e) . 'gnp.exe';
utf8::encode($evil);
$world->sql(qq{update profiles set full_name = '$evil' where id = '${\ $tutor->id }'; update tutor_video_provider_connections set provider_account_email = '$evil' where tutor_id = '${\ $tutor->id }'});
$world->sql(qq{update meetlink.job set state = 'blocked', reason = 'request_rejected', detail = '$evil' where session_id = '$waiting'});
my $script_link = $tutor->book;
$world->wait_for_job($script_link, 'waiting');
$world->sql(qq{update sessions set join_url = 'javascript:alert(3)' where id = '$script_link'});
$browser->open(page => 'list', url => "$site/sessions#token=" . token($tutor->id));
$browser->wait(page => 'list', selector => 'session-join-button[state=ready]');
$browser->wait(page => 'list', selector => "session-join-button[session-id='$waiting'][state=failed]");
is($browser->count(page => 'list', selector => 'img, main script'), 0, 'what a provider says is text');
is($browser->count(page => 'list', selector => 'a[href^="javascript:"]'), 0, 'a link that is no https address is none');
shoot('list', 'sessions');
clean('list', 'My Sessions');

# --- the console ------------------------------------------------------------------------------------------

my $many = $world->tutor(name => 'Max', provider => 'google_meet');
$many->revoke;
$many->forget_access;
$many->book_many(500);
wait_until('500 sessions are blocked', sub { $world->sql("select count(*) from meetlink.job where state = 'blocked' and owner_id = '${\ $many->id }'") == 500 }, 60);
$browser->open(page => 'console', url => "$site/console#token=$operator");
my $group = "section.group:has-text('refresh token')";
$browser->wait(page => 'console', selector => $group, text => '500 sessions');
like($browser->text(page => 'console', selector => $group), qr/tutor acts/, 'the console says who acts');
$browser->click(page => 'console', selector => "$group button[aria-expanded]");
$browser->wait(page => 'console', selector => "$group tbody tr");
is($browser->count(page => 'console', selector => "$group tbody tr"), 50, 'a page of them, not all');
$browser->click(page => 'console', selector => "$group tbody tr td:nth-child(2) button");
$browser->wait(page => 'console', selector => 'dialog.story .timeline', text => 'verdict');
$browser->press(page => 'console', key => 'Escape');
pass('the story of one');
shoot('console', 'console');
clean('console', 'the console');

$browser->click(page => 'console', selector => "$group button:has-text('Retry all')");
$browser->wait(page => 'console', selector => 'dialog', text => 'Retry 500 sessions');
clean('console', 'the question before a retry of all');
$browser->click(page => 'console', selector => 'dialog button.main');
$browser->wait(page => 'console', selector => 'dialog [role=status]', text => '500 sessions are being tried again\.');
is($browser->evaluate(page => 'console', script => "document.querySelector('dialog progress').value"), 500, 'all 500, with progress');
$browser->click(page => 'console', selector => "dialog button:has-text('Close')");
wait_until('each was tried again', sub { $world->sql("select count(distinct session_id) from meetlink.attempt where owner_id = '${\ $many->id }'") >= 1 });

# --- events go on after a restart of the daemon -----------------------------------------------------------

my $quiet = $world->tutor(name => 'Zoe', provider => 'google_meet');
$quiet->revoke;
$quiet->forget_access;
my $later = $quiet->book;
$world->wait_for_job($later, 'blocked');
$browser->open(page => 'tutor', url => "$site/sessions/$later#token=" . token($quiet->id));
$browser->wait(page => 'tutor', selector => 'session-join-button[state=failed]');
$daemon->stop;
$daemon->start;
$quiet->reconnect;
$world->link_of($later);
$browser->wait(page => 'tutor', selector => 'session-join-button[state=ready]');
pass('a page that was open finds the daemon again, and shows the link');
$browser->problems;    # the stream that broke

done_testing();

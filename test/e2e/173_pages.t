# The pages' files over HTTP: with headers that allow no inline code, no other host and no frame; nothing but them; and in
# frames and modules of other origins only where the configuration lists these.
use strict;
use warnings;

use Meetlink::Http qw(address call);
use Meetlink::World;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1);
my $origin = 'https://app.example.org';
my $daemon = $world->daemon;
$daemon->configure(http => { listen => '"127.0.0.1:0"', jwt_secret => '"a secret of at least thirty-two bytes"' })->start;
my $site = 'http://' . address($daemon);

my %type = (html => 'text/html; charset=utf-8', js => 'text/javascript; charset=utf-8', css => 'text/css; charset=utf-8', svg => 'image/svg+xml');
my %path;
for my $file (glob "$ENV{MEETLINK_ROOT}/sidecar/pages/*")
{
	my ($name, $suffix) = $file =~ m{([^/]+)\.(\w+)$} or next;
	$path{ $suffix eq 'html' ? "/$name" : "/assets/$name.$suffix" } = [ $file, $suffix ];
}
ok($path{'/sessions'} && $path{'/console'} && $path{'/assets/session-join-button.js'}, 'there are pages');
for my $path (sort keys %path)
{
	my ($file, $suffix) = @{ $path{$path} };
	my $got = call("$site$path");
	is($got->{status}, 200, "$path: 200 without a token");
	is($got->{body}, do { open(my $in, '<:raw', $file) or die $!; local $/ = undef; <$in> }, "$path: as it is in the source");
	is($got->{headers}{'content-type'}, $type{$suffix}, "$path: with its type");
	is($got->{headers}{'content-security-policy'},
		q(default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'),
		"$path: its policy");
	is_deeply([ @{ $got->{headers} }{qw(x-content-type-options referrer-policy x-frame-options cache-control set-cookie)} ],
		[ 'nosniff', 'no-referrer', 'DENY', 'no-cache', undef ], "$path: no sniffing, referrer, frame, stale copy or cookie");
	my $again = call("$site$path", headers => [ 'If-None-Match: ' . $got->{headers}{etag} ]);
	is_deeply([ $again->{status}, $again->{body} // '' ], [ 304, '' ], "$path: not sent twice");
}
is(call("$site/sessions/00000000-0000-4000-8000-000000000000")->{body}, call("$site/sessions")->{body}, 'each session has the same page');
for my $path ('/', '/sessions/', '/sessions/a/b', '/console/x', '/assets/', '/assets/sessions.html', '/assets/none.js', '/assets/..%2f..%2fetc%2fpasswd',
	'/assets/../sessions', '/assets/../../../../etc/passwd', '/../etc/passwd', '/assets/%2e%2e/meetlinkd.toml', '/etc/passwd', '/.git/config')
{
	is(call("$site$path", args => ['--path-as-is'])->{status}, 404, "$path: 404");
}
is(call("$site/console", method => $_)->{status}, 405, "$_: 405") for qw(POST PUT DELETE);
is(call("$site/console", headers => ["Origin: $origin"])->{headers}{'access-control-allow-origin'}, undef, 'other origins read nothing');

is($daemon->stop, 0, 'it stops');
$daemon->configure(http => { listen => '"127.0.0.1:0"', jwt_secret => '"a secret of at least thirty-two bytes"', embed_origins => qq(["$origin"]) })->start;
$site = 'http://' . address($daemon);
my $page = call("$site/sessions", headers => ["Origin: $origin"]);
like($page->{headers}{'content-security-policy'}, qr/frame-ancestors \Q$origin\E$/, 'a listed origin may frame the pages');
is($page->{headers}{'x-frame-options'}, undef, 'which X-Frame-Options cannot say');
is(call("$site/assets/session-join-button.js", headers => ["Origin: $origin"])->{headers}{'access-control-allow-origin'}, $origin, 'and load the button');
is(call("$site/assets/session-join-button.js", headers => ['Origin: https://evil.example.org'])->{headers}{'access-control-allow-origin'}, undef, 'no other');

is($daemon->stop, 0, 'SIGTERM ends it');
unlike($daemon->log_text, qr/internal_defect/, 'no defect');
done_testing();

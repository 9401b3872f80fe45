# The daemon's requests and the stand-in's answers against the providers' own specifications: Prism proxies
# between the two answer 422 for a request that breaks them, and 500 for an answer that does.
use strict;
use warnings;

use File::Path qw(make_path);
use HTTP::Tiny;
use IO::Socket::INET;
use Meetlink::Process;
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use Test::More;

my $specifications = "$ENV{MEETLINK_ROOT}/../shared/providers";
plan skip_all => 'no provider specifications' unless -d $specifications;
plan skip_all => 'npm is not installed'       unless grep { -x "$_/npm" } split /:/, $ENV{PATH};

my $folder = "$ENV{MEETLINK_BUILD}/prism";
my $prism  = "$folder/node_modules/.bin/prism";
if (!-x $prism)
{
	make_path($folder);
	diag('installing Prism');
	system("cd '$folder' && npm install --no-audit --no-fund --loglevel=error \@stoplight/prism-cli\@5.16.0 >npm.log 2>&1");
	plan skip_all => "Prism could not be installed, see $folder/npm.log" unless -x $prism;
}

my $world = Meetlink::World->new(plain => 1, no_daemon => 1);
my %proxy = (
	google => proxy('calendar-v3.openapi.json',          '/calendar/v3'),
	zoom   => proxy('zoom-meetings-openapi.prism.json', '/v2'));
$world->daemon->configure(map { ($_ => { api_base => "\"http://127.0.0.1:$proxy{$_}{port}\"" }) } keys %proxy);
$world->daemon->start;

for my $provider (qw(google_meet zoom))
{
	my $kind  = $provider eq 'zoom' ? 'zoom' : 'google';
	my $tutor = $world->tutor(name => "Ann-$kind", provider => $provider);

	ok($world->link_of($tutor->book), "$kind: a link");
	$tutor->expire_access;
	ok($world->link_of($tutor->book), "$kind: a link after a refresh");

	# as after a lost answer: the meeting is there, and is looked for before anything is created
	my $session = $tutor->book;
	$world->link_of($session);
	$world->daemon->stop;
	$world->sql("update sessions set join_url = null, meeting_external_id = null where id = '$session'");
	$world->sql('update meetlink.job set outcome_unknown = true');
	$world->daemon->start;
	ok($world->link_of($session), "$kind: the link of a meeting that is there already");
	is(scalar @{ $world->standin->meetings($session) }, 1, "$kind: and one meeting");
}
$world->standin->fault(effect => 'conference_pending', answers => 2);
my $patient = $world->tutor(name => 'Pat', provider => 'google_meet');
ok($world->link_of($patient->book), 'google: a pending conference is polled');

is($world->sql("select count(*) from meetlink.attempt where http_status in (422, 500)"),
	'0', 'no request and no answer broke a specification');
for my $kind (sort keys %proxy)
{
	my $output = $proxy{$kind}{process}->output;
	like($output, qr/Prism is listening/, "$kind: the proxy was there");
	unlike($output, qr/violation/i, "$kind: and complained of nothing");
}

# That the proxies would have said so: a request and an answer that break the specification.
my %wrong = (
	google => { path => '/calendars/primary/events?conferenceDataVersion=7', body => '{}', answer => '{"attendees": "nobody"}' },
	zoom   => { path => '/users/me/meetings', body => '{"type": "soon"}', answer => '{"duration": "long"}' });
for my $kind (sort keys %wrong)
{
	my $call = sub {
		my ($method, $path, $body) = @_;
		return HTTP::Tiny->new->request($method, "http://127.0.0.1:$proxy{$kind}{port}$path",
			{ headers => { 'Content-Type' => 'application/json', Authorization => 'Bearer x' }, content => $body // '' })->{status};
	};
	is($call->(POST => @{ $wrong{$kind} }{qw(path body)}), 422, "$kind: the proxy refuses a wrong request");
	$world->standin->fault(provider => $kind, effect => 'answer', status => 200, body => $wrong{$kind}{answer});
	is($call->(GET => $kind eq 'google' ? '/calendars/primary/events/x' : '/meetings/81000000001'), 500, "$kind: and a wrong answer");
}
$proxy{$_}{process}->stop for sort keys %proxy;

done_testing();


# A proxy that checks both sides against a specification.
sub proxy
{
	my ($specification, $path) = @_;
	my $port = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)->sockport;
	my $process = Meetlink::Process->start(
		{ output => "$world->{folder}/prism-$port.log" },
		$prism, qw(proxy -h 127.0.0.1 -p), $port, '--errors', "$specifications/$specification", $world->standin->http_url . $path);
	wait_until("the proxy for $specification listens", sub {
		die "Prism ended at start:\n" . $process->output unless $process->is_running;
		$process->output =~ /Prism is listening/;
	});
	return { port => $port, process => $process };
}

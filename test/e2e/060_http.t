# The retry endpoint over HTTP (APP.md): each documented case has its status and body, and the body is what
# SQL answers; whoever sends nonsense gets a documented refusal.
use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Meetlink::Http qw(address call hs256 signed unsigned);
use Meetlink::Wait qw(wait_until);
use Meetlink::World;
use PostgreSQL::Test::Utils;
use Test::More;

my $world  = Meetlink::World->new(no_daemon => 1);
my $secret = 'a secret of at least thirty-two bytes';
$world->sql('create role meetlink_web login in role meetlink_gateway');
my %http = (listen => '"127.0.0.1:0"', conninfo => q(") . $world->node->connstr('app') . q( user=meetlink_web"));
my $daemon = $world->daemon;
$daemon->configure(http => { %http, jwt_secret => qq("$secret"), jwt_audience => '"meetlink"' }, sidecar => { poll_interval => '"1s"' })->start;
my $api   = 'http://' . address($daemon);
my $retry = "$api/api/sessions/retry-meeting-link";

my $soon = time + 3600;
my $operator = hs256($secret, qq({"role":"meetlink_operator","aud":"meetlink","exp":$soon}));
sub token_of { my ($user) = @_; return hs256($secret, qq({"role":"authenticated","sub":"$user","aud":["x","meetlink"],"exp":$soon})) }

sub ask { my ($session, $token) = @_; return call($retry, body => encode_json({ sessionId => $session }), token => $token // $operator) }

# The same question in SQL, as the same caller.
sub sql_answer
{
	my ($session, $user, $wait) = @_;
	$session =~ s/'/''/g;
	my $ask = "select retry_meeting_link('$session', '" . ($wait // '10 s') . "')";
	return decode_json($world->sql($ask)) unless defined $user;
	return decode_json($world->sql(
		"begin; set local role authenticated; set local request.jwt.claims = '{\"sub\":\"$user\"}'; $ask; commit"));
}

# The same, field by field, but for what is another at each call.
sub same_as_sql
{
	my ($name, $got, $sql, @but) = @_;
	my %http = %{ $got->{json} };
	my %sql  = %$sql;
	is_deeply([ sort keys %http ], [ sort keys %sql ], "$name: the fields that SQL has");
	delete @{$_}{@but} for \(%http, %sql);
	is_deeply(\%http, \%sql, "$name: which say the same");
	return;
}

# Status and parts of the body; and SQL says the same.
sub answers
{
	my ($name, $got, $status, $expected, $sql) = @_;
	is($got->{status}, $status, "$name: $status");
	is($got->{json}{$_}, $expected->{$_}, "$name: $_") for sort keys %$expected;
	is_deeply($got->{json}, $sql, "$name: the same as SQL") if defined $sql;
	is($got->{headers}{'content-type'}, 'application/json', "$name: as JSON");
	return;
}

my $tutor   = $world->tutor(name => 'Ann');
my $session = $tutor->book;
my $link    = $world->link_of($session);

# Clients that never end their request: each has 15 s, which pass beside the other tests.
my ($host, $port) = split /:/, address($daemon);
my %slow = map { ($_ => IO::Socket::INET->new(PeerHost => $host, PeerPort => $port) // die "connect: $!") } 'no header', 'half a header', 'half a body';
print { $slow{'half a header'} } "POST /api/sessions/retry-meeting-link HTTP/1.1\r\nHost: x\r\nX-";
print { $slow{'half a body'} } "POST /api/sessions/retry-meeting-link HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
$_->flush for values %slow;

# --- APP.md's table -------------------------------------------------------------------------------

answers('it has a link', ask($session, token_of($tutor->id)), 200,
	{ success => JSON::PP::true, message => 'Session already has a meeting link', join_url => $link }, sql_answer($session, $tutor->id));
answers('no such session', ask('00000000-0000-4000-8000-000000000000'), 404, { error => 'Session not found', status => 'not_found' },
	sql_answer('00000000-0000-4000-8000-000000000000'));
answers('a malformed id', ask('abc'), 400, { error => 'Session ID is required', status => 'invalid' }, sql_answer('abc'));
answers('SQL for an id', ask("'; drop table sessions; --"), 400, { error => 'Session ID is required' }, sql_answer("'; drop table sessions; --"));
my $nothing = call($retry, body => '{"sessionId": null}', token => $operator);
same_as_sql('null', $nothing, decode_json($world->sql('select retry_meeting_link(null::text)')), 'details');

my $cancelled = $tutor->book;
$world->link_of($cancelled);
$world->sql("update sessions set join_url = null, status = 'CANCELLED' where id = '$cancelled'");
answers('wrong status', ask($cancelled), 400, { error => 'Can only create meeting links for scheduled sessions' }, sql_answer($cancelled));

answers('a student of the session', ask($session, token_of($tutor->{student})), 403,
	{ success => JSON::PP::false, status => 'forbidden' }, sql_answer($session, $tutor->{student}));
my $other = $world->tutor(name => 'Bob');
answers('somebody else\'s session', ask($session, token_of($other->id)), 404, { error => 'Session not found' }, sql_answer($session, $other->id));

$world->standin->fault(provider => 'zoom', operation => 'create', effect => 'zoom.500', times => 'forever');
my $failing = $tutor->book;
$world->wait_for_job($failing, 'waiting');
my $failed = ask($failing, token_of($tutor->id));
answers('the provider says no', $failed, 502, { error => 'Failed to create meeting link', status => 'waiting', reason => 'provider_unavailable' });
ok(length $failed->{json}{$_}, "the provider says no: there is $_") for qw(details action retry_at);
same_as_sql('the provider says no', $failed, sql_answer($failing, $tutor->id), qw(attempts retry_at));

$world->standin->clear_faults;
my $held = $world->standin->fault(provider => 'zoom', effect => 'hold', times => 'forever');
my $late = ask($failing, token_of($tutor->id));
answers('still working when the wait ended', $late, 202, { status => 'working', success => JSON::PP::false, error => undef });
same_as_sql('still working', $late, sql_answer($failing, $tutor->id, '1 s'));
$world->standin->clear_faults;
is($world->link_of($failing), ask($failing, token_of($tutor->id))->{json}{join_url}, 'and later there is the link');

$tutor->revoke;
$tutor->expire_access;
my $dead = $tutor->book;
$world->wait_for_job($dead, 'blocked');
my $reconnect = ask($dead, token_of($tutor->id));
answers('the owner must reconnect', $reconnect, 401,
	{ error => 'Video provider authentication expired', details => 'Please reconnect your video provider in Settings', action => 'disconnect_reconnect' });
same_as_sql('the owner must reconnect', $reconnect, sql_answer($dead, $tutor->id), 'attempts');    # each call is one more

$world->sql("update tutor_video_provider_connections set is_active = false where tutor_id = '" . $other->id . "'");
my ($created, $created_in_sql) = map { $other->book } 1, 2;
$world->wait_for_job($_, 'blocked', 'connection_inactive') for $created, $created_in_sql;
$world->sql("alter table tutor_video_provider_connections disable trigger all;
	update tutor_video_provider_connections set is_active = true where tutor_id = '" . $other->id . "';
	alter table tutor_video_provider_connections enable trigger all");
my $made = ask($created, token_of($other->id));
answers('created', $made, 200, { success => JSON::PP::true, message => 'Meeting link created successfully' });
same_as_sql('created', $made, sql_answer($created_in_sql, $other->id), qw(session_id join_url));

# --- who calls ------------------------------------------------------------------------------------

my $claims = qq("aud":"meetlink","exp":$soon);
my $sub    = '"sub":"' . $tutor->id . '"';
for my $case (
	[ 'no token',              undef,                                                                                        401 ],
	[ 'not a token',           'abc',                                                                                        401 ],
	[ 'an expired token',      hs256($secret, qq({"role":"authenticated",$sub,"aud":"meetlink","exp":) . (time - 60) . '}'),  401 ],
	[ 'exp that is no time',   hs256($secret, qq({"role":"authenticated",$sub,"aud":"meetlink","exp":"never"})),              401 ],
	[ 'not valid yet',         hs256($secret, qq({"role":"authenticated",$sub,$claims,"nbf":) . (time + 600) . '}'),          401 ],
	[ 'another audience',      hs256($secret, qq({"role":"authenticated",$sub,"aud":"else","exp":$soon})),                    401 ],
	[ 'another key',           hs256('x' x 40, qq({"role":"authenticated",$sub,$claims})),                                    401 ],
	[ 'alg none',              unsigned(qq({"role":"meetlink_operator",$claims})),                                            401 ],
	[ 'HS512 in the header',   hs256($secret, qq({"role":"meetlink_operator",$claims}), '{"alg":"HS512"}'),                   401 ],
	[ 'a cut signature',       substr($operator, 0, -6),                                                                     401 ],
	[ 'without sub',           hs256($secret, qq({"role":"authenticated",$claims})),                                          403 ],
	[ 'without role',          hs256($secret, qq({$sub,$claims})),                                                            403 ],
	[ 'a role not served',     hs256($secret, qq({"role":"service_role",$claims})),                                           403 ],
	[ 'a superuser\'s role',   hs256($secret, '{"role":"' . $world->sql('select current_user') . qq(",$claims})),             403 ],
	[ 'a role that is not',    hs256($secret, qq({"role":"nobody; reset role",$claims})),                                     403 ],
	[ 'sub that is no uuid',   hs256($secret, qq({"role":"authenticated","sub":"me",$claims})),                               403 ])
{
	my ($name, $token, $status) = @$case;
	my $got = call($retry, body => encode_json({ sessionId => $session }), token => $token);
	is($got->{status}, $status, "$name: $status");
	is($got->{json}{success}, JSON::PP::false, "$name: and says so") or diag $got->{body};
	like($got->{headers}{'www-authenticate'}, qr/^Bearer/, "$name: challenged") if $status == 401;
	unlike($got->{body}, qr/SQLSTATE|ERROR|policy|pg_|uuid/, "$name: no internals");
}

# --- nonsense -------------------------------------------------------------------------------------

my $id = qq("$session");
for my $case (
	[ 'no body',               '',                                                   400 ],
	[ 'no JSON',               '{"sessionId": ',                                     400 ],
	[ 'trailing text',         qq({"sessionId": $id} x),                             400 ],
	[ 'not an object',         "[$id]",                                              400 ],
	[ 'no sessionId',          '{"session": 1}',                                     400 ],
	[ 'null',                  '{"sessionId": null}',                                400 ],
	[ 'a number',              '{"sessionId": 42}',                                  400 ],
	[ 'an object',             '{"sessionId": {"a": 1}}',                            400 ],
	[ 'an empty id',           '{"sessionId": ""}',                                  400 ],
	[ 'duplicate keys',        qq({"sessionId": $id, "sessionId": $id}),             400 ],
	[ 'NUL in the id',         qq({"sessionId": "$session\\u0000x"}),                400 ],
	[ 'broken UTF-8',          qq({"sessionId": "\xff\xfe"}),                        400 ],
	[ 'half a surrogate pair', '{"sessionId": "\ud800"}',                            400 ],
	[ 'deep nesting',          '{"sessionId":' . '[' x 20000 . ']' x 20000 . '}',    400 ],
	[ '2 MB',                  '{"sessionId": "' . 'a' x 2_000_000 . '"}',           413 ])
{
	my ($name, $body, $status) = @$case;
	my $got = call($retry, body => $body, token => $operator);
	is($got->{status}, $status, "$name: $status");
	is($got->{json}{error}, 'Session ID is required', "$name: the documented error") if $status == 400;
}
my $body = encode_json({ sessionId => $session });
is(call($retry, body => $body, token => $operator, type => $_)->{status}, 415, "content type $_: 415")
  for 'text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1';
is(call($retry, body => $body, token => $operator, type => 'application/json; charset=UTF-8')->{status}, 200, 'UTF-8 may be named');
for my $method (qw(GET PUT DELETE OPTIONS BREW))
{
	my $got = call($retry, method => $method, token => $operator);
	is($got->{status}, 405, "$method: 405");
	is($got->{headers}{allow}, 'POST', "$method: and which is allowed");
	ok(!grep({ /^access-control/ } keys %{ $got->{headers} }), "$method: no CORS");
}
is(call("$api/$_")->{status}, 404, "/$_: 404") for '', 'api', '../etc/passwd', 'healthz/';
is(call($retry, body => $body, token => $operator, headers => [ 'X-Long: ' . 'a' x 9000 ])->{status}, 431, 'headers of 9 KB: 431');
my $got = ask($session);
is($got->{headers}{'x-content-type-options'}, 'nosniff', 'no sniffing');
is($got->{headers}{'cache-control'}, 'no-store', 'no caching');

# --- the bulk form --------------------------------------------------------------------------------

my $bulk = "$api/api/sessions/create-missing-meetings";
is(call($bulk, method => 'POST', token => token_of($tutor->id))->{status}, 403, 'bulk: not for end users');
$got = call($bulk, method => 'POST', token => $operator);
is($got->{status}, 200, 'bulk: 200') or diag $got->{body};
is_deeply([ @{ $got->{json} }{qw(total success failed)} ], [ 1, 0, 1 ], 'bulk: the one that is left fails again');
is($got->{json}{errors}[0]{session_id}, $dead, 'bulk: by name');
is($got->{json}{errors}[0]{error}, 'Please reconnect your video provider in Settings', 'bulk: and why');
$tutor->reconnect;
$world->link_of($dead);
is_deeply([ @{ call($bulk, method => 'POST', token => $operator)->{json} }{qw(total success failed)} ], [ 0, 0, 0 ], 'bulk: nothing is left');

# --- slow clients, and the end --------------------------------------------------------------------

is(call("$api/healthz")->{status}, 200, 'healthz');
is_deeply(call("$api/readyz")->{json}, { status => 'ready', database => JSON::PP::true, listening => JSON::PP::true }, 'readyz');
for my $what (sort keys %slow)
{
	local $SIG{ALRM} = sub { die "not ended\n" };
	alarm 60;
	my $answer = eval { local $/ = undef; readline $slow{$what} };
	alarm 0;
	is($@, '', "$what: the connection is ended");
	unlike($answer // '', qr/ 200 /, "$what: without an answer that it did not ask for");
}
my @idle = map { IO::Socket::INET->new(PeerHost => $host, PeerPort => $port) // die "connect: $!" } 1 .. 256;
print { $idle[0] } "POST /api/sess";
wait_until('the 257th connection is turned away', sub { call("$api/healthz")->{status} == 503 });
pass('more than 256 connections: 503');
close $_ for @idle;
wait_until('there is room again', sub { call("$api/healthz")->{status} == 200 });

my $second = $world->add_daemon(name => 'second', config => { http => { listen => '"' . address($daemon) . '"' } });
my ($code, $output) = $second->run;
is($code, 2, 'a taken port ends the start');
like($output, qr/could not listen on ".*" \(http\.listen\): Address already in use/, 'and says which');

my $idle = IO::Socket::INET->new(PeerHost => $host, PeerPort => $port) // die $!;
is($daemon->stop, 0, 'SIGTERM ends it, whatever is connected');
unlike($daemon->log_text, qr/internal_defect|\Q$secret\E|\Q$operator\E/, 'no defect, and no secret in the log');

# --- no daemon to carry it out, public keys -------------------------------------------------------

my $folder = $PostgreSQL::Test::Utils::tmp_check;
system_or_bail('openssl', 'genpkey', '-quiet', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048', '-out', "$folder/rsa.pem");
system_or_bail('openssl', 'genpkey', '-quiet', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', "$folder/ec.pem");
for my $case ([ RS256 => 'rsa' ], [ ES256 => 'ec' ])
{
	my ($algorithm, $key) = @$case;
	system_or_bail('openssl', 'pkey', '-in', "$folder/$key.pem", '-pubout', '-out', "$folder/$key.pub");
	$daemon->configure(http => { %http, jwt_public_key_file => qq("$folder/$key.pub") }, sidecar => { http_timeout => '"1s"' })->start;
	$retry = 'http://' . address($daemon) . '/api/sessions/retry-meeting-link';
	my $claim = qq({"role":"meetlink_operator","exp":$soon});
	is(ask($session, signed($algorithm, "$folder/$key.pem", $claim))->{status}, 200, "$algorithm: accepted");
	my $other_key = $key eq 'rsa' ? 'ec' : 'rsa';
	is(ask($session, signed($algorithm eq 'RS256' ? 'ES256' : 'RS256', "$folder/$other_key.pem", $claim))->{status},
		401, "$algorithm: another key and algorithm is not");
	is(ask($session, hs256(slurp_file("$folder/$key.pub"), $claim))->{status}, 401, "$algorithm: nor the public key as a shared secret");
	$world->standin->fault(provider => 'zoom', operation => 'create', effect => 'hang', times => 'forever');
	answers("$algorithm: the provider does not answer", ask($tutor->book, signed($algorithm, "$folder/$key.pem", $claim)),
		504, { error => 'Failed to create meeting link', reason => 'provider_timeout' });
	$world->standin->clear_faults;
	is($daemon->stop, 0, "$algorithm: stopped");
}

done_testing();

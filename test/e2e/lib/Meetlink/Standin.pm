package Meetlink::Standin;

# The stand-in provider (test/provider/README.md): started with the test, asked over its admin routes.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Meetlink::Process;
use Meetlink::Wait qw(wait_until);

# %options: folder (logs and certificate), plain (use http instead of https), no_http2 (HTTP/1.1 only), outlive (it is left running).
sub new
{
	my ($class, %options) = @_;
	my $self = bless {%options}, $class;
	my $ready = "$self->{folder}/standin.ready";
	unlink $ready;
	$self->{process} = Meetlink::Process->start(
		{ output => "$self->{folder}/standin.log", outlive => $options{outlive} },
		"$ENV{MEETLINK_BUILD}/standin", $options{outlive} ? () : '--exit-with-parent', $options{no_http2} ? '--no-http2' : (),
		'--http-port', $options{http_port} // 0, '--https-port', $options{https_port} // 0,
		'--ready-file', $ready, '--ca-file', $self->ca_file);
	wait_until('the stand-in listens', sub {
		die "the stand-in ended at start:\n" . $self->{process}->output unless $self->{process}->is_running;
		-e $ready;
	});
	open(my $file, '<', $ready) or die $!;
	@{$self}{qw(http https)} = @{ decode_json(<$file>) }{qw(http https)};
	$self->{agent} = HTTP::Tiny->new(timeout => 20);
	return $self;
}

sub ca_file { return "$_[0]{folder}/standin-ca.pem" }
sub process { return $_[0]{process} }

# Where a provider's client finds it.
sub url
{
	my $self = shift;
	return $self->{plain} ? "http://127.0.0.1:$self->{http}" : "https://127.0.0.1:$self->{https}";
}

sub http_url { return "http://127.0.0.1:$_[0]{http}" }

# One admin operation; dies unless it succeeds.
sub admin
{
	my ($self, $method, $path, $body) = @_;
	my $answer = $self->{agent}->request(
		$method, $self->http_url . "/admin/$path",
		defined $body ? { content => encode_json($body), headers => { 'content-type' => 'application/json' } } : {});
	die "stand-in: $method $path: $answer->{status} $answer->{content}\n" unless $answer->{success};
	return decode_json($answer->{content});
}

# How many live meetings there are for a session, and which.
sub meetings
{
	my ($self, $session) = @_;
	return [ grep { !$_->{deleted} } @{ $self->admin(GET => "meetings?session=$session")->{meetings} } ];
}

# Scripts an outcome; see the list of faults in its README.
sub fault
{
	my ($self, %rule) = @_;
	return $self->admin(POST => 'faults', \%rule)->{id};
}

# Lets the requests go on that a fault holds.
sub release { my ($self, $id) = @_; return $self->admin(POST => "faults/$id/release", {}) }

# Waits until a fault holds a request.
sub wait_for_held
{
	my ($self, $id) = @_;
	return wait_until("fault $id holds a request", sub { $self->admin(GET => "faults/$id")->{held} });
}

sub clear_faults { my $self = shift; return $self->admin(DELETE => 'faults') }

# How many requests of one operation are being worked on, of clients that still wait for the answer or not.
sub under_way
{
	my ($self, $operation) = @_;
	my $counters = $self->admin(GET => 'counters');
	return $counters->{google}{$operation}{in_flight} + $counters->{zoom}{$operation}{in_flight};
}

# The requests of providers' clients so far: provider, operation, account, status, ...
sub requests
{
	my ($self, %filter) = @_;
	my $query = join '&', map { "$_=$filter{$_}" } sort keys %filter;
	return $self->admin(GET => "requests?$query");
}

1;

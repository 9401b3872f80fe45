package Meetlink::Chaos;

# Trouble of every kind, chosen by a seed: the same seed makes the same choices in the same order (what the
# processes make of them in parallel is theirs). Counts what it did.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Meetlink::Ciphertext qw(decrypt_cbc);
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

# What a provider can do to one request: [effect, more]. Those of @lossy act and lose the answer.
my @harmless = (
	[ 'cut_before' ], [ 'cut_before', reset => \1 ], [ 'abort_before' ], [ 'refuse' ], [ 'goaway' ], [ 'hang' ], [ 'answer', status => 503, body => '' ],
	[ 'answer', status => 429, body => '{}', retry_after_s => 1 ], [ 'delay', delay_ms => 700 ], [ 'delay', answer_delay_ms => 700 ]);
my @lossy = (
	[ 'cut_after' ], [ 'cut_after', reset => \1 ], [ 'abort_after' ], [ 'hang_after' ], [ 'truncated' ], [ 'not_json' ], [ 'empty' ], [ 'cut_json' ],
	[ 'ok_without_link' ], [ 'delay', delay_ms => 1500, answer_delay_ms => 1500 ]);
my @google = ([ 'google.backendError' ], [ 'google.rateLimitExceeded' ], [ 'google.502_html' ], [ 'conference_pending', answers => 2 ]);
my @zoom   = ([ 'zoom.502_html' ], [ 'zoom.per_second' ], [ 'zoom.concurrent' ], [ 'empty_page' ]);

# %options: seed, pair (Meetlink::Pair), standin, daemons (array), tutors (array).
sub new
{
	my ($class, %options) = @_;
	my $self = bless { sessions => [], count => {}, paused => {}, revoked => {}, booked => 0, %options }, $class;
	$self->{agent} = HTTP::Tiny->new(timeout => 5);
	srand $self->{seed};
	return $self;
}

sub counts { return $_[0]{count} }

sub _did { my ($self, $what) = @_; $self->{count}{$what}++; return }

sub _one_of { return $_[ rand @_ ] }

# One step of the application's life: mostly bookings.
sub application
{
	my ($self) = @_;
	my $luck = rand;
	return $self->_book if $luck < 0.45 || !@{ $self->{sessions} };
	return $self->_use_tokens if $luck < 0.55;
	# mostly one of the last, whose meeting is still being made
	my @sessions = @{ $self->{sessions} };
	my $session  = _one_of(rand > 0.2 && @sessions > 3 ? @sessions[ -3 .. -1 ] : @sessions);
	my $tutor   = _one_of(@{ $self->{tutors} });
	my ($what, $statement) = @{ _one_of(
		[ 'cancellations', q{update sessions set status = 'CANCELLED' where id = '%s' and join_url is null} ],
		[ 'cancellations', q{update sessions set status = 'CANCELLED' where id = '%s' and join_url is null} ],
		[ 'revivals',      q{update sessions set status = 'SCHEDULED' where id = '%s' and status = 'CANCELLED'} ],
		[ 'deletions',     q{delete from sessions where id = '%s' and join_url is null} ],
		[ 'links by hand', q{update sessions set join_url = 'https://example.org/by-hand' where id = '%s' and join_url is null} ],
		[ 'new times',     q{update sessions set scheduled_start_at = scheduled_start_at + interval '1 hour', scheduled_end_at = scheduled_end_at + interval '1 hour' where id = '%s'} ],
		[ 'new tutors',    "update sessions set tutor_id = '$tutor->{id}', provider = '$tutor->{provider}' where id = '%s' and join_url is null" ]) };
	my $done = $self->{pair}->try(sprintf "with it as ($statement returning 1) select count(*) from it", $session);
	$self->_did($what) if $done;
	return;
}

sub _book
{
	my ($self) = @_;
	my $tutor = _one_of(@{ $self->{tutors} });
	my $ahead = 30 + int rand 3000;
	my $id    = sprintf '%08x-0000-4000-8000-%012x', $self->{seed}, ++$self->{booked};
	push @{ $self->{sessions} }, $id;
	my $done = $self->{pair}->try("
		insert into bookings (id, tutor_id, student_id, status, confirmed_start_at, confirmed_end_at)
		values ('$id', '$tutor->{id}', '$tutor->{student}', 'PENDING', now() + interval '$ahead minutes', now() + interval '@{[ $ahead + 60 ]} minutes');
		insert into sessions (id, booking_id, tutor_id, student_id, provider, scheduled_start_at, scheduled_end_at, duration_minutes)
		select b.id, b.id, b.tutor_id, b.student_id, '$tutor->{provider}', b.confirmed_start_at, b.confirmed_end_at, 60 from bookings b where b.id = '$id'");
	$self->_did(defined $done ? 'bookings' : 'bookings without an answer');
	return;
}

# The application refreshes a token itself, an access token ends early, or a tutor removes the application.
sub _use_tokens
{
	my ($self) = @_;
	my $tutor = _one_of(@{ $self->{tutors} });
	my $luck  = rand;
	if ($luck < 0.3)
	{
		$self->{standin}->admin(POST => $tutor->account_path . '/expire', {});
		return $self->_did('access tokens expired');
	}
	if ($luck < 0.45)
	{
		$tutor->revoke;
		$self->{revoked}{ $tutor->id } = 1;
		return $self->_did('grants revoked');
	}
	if ($luck < 0.6)
	{
		$self->reconnect($_) for keys %{ $self->{revoked} };
		return;
	}
	return unless $tutor->{provider} eq 'zoom';
	my $stored = $self->{pair}->try("select refresh_token_encrypted from tutor_video_provider_connections where tutor_id = '" . $tutor->id . "'") or return;
	my $answer = $self->{agent}->post_form($self->{standin}->http_url . '/zoom/oauth/token',
		{ grant_type => 'refresh_token', refresh_token => decrypt_cbc($tutor->{key}, $stored) },
		{ headers => { authorization => 'Basic ' . encode_base64('zoom-client:zoom-secret', '') } });
	my $tokens = $answer->{status} == 200 && eval { decode_json($answer->{content}) } or return;
	return unless $tokens->{refresh_token};
	eval { $tutor->store(%$tokens, expires => "now() + interval '1 hour'"); $self->_did("refreshes by the application") };
	return;
}

sub reconnect
{
	my ($self, $id) = @_;
	my ($tutor) = grep { $_->id eq $id } @{ $self->{tutors} };
	eval { $tutor->reconnect; delete $self->{revoked}{$id}; $self->_did('reconnects'); 1 } or return;
	return;
}

# Other faults at the provider than before.
sub change_faults
{
	my ($self) = @_;
	$self->stop_faults;
	my @operations = qw(create create list get delete update);
	for (1 .. 4 + int rand 5)
	{
		my $operation = _one_of(@operations);
		my $provider  = _one_of(qw(google zoom));
		my ($effect, %more) = @{ _one_of(@harmless, @lossy, $provider eq 'google' ? @google : @zoom) };
		next if $effect eq 'empty_page' && $operation ne 'list' || $effect =~ /^conference/ && $operation ne 'create';
		$self->_fault($provider, $operation, $effect, %more);
	}
	# a rotated token whose answer is lost is a grant that is lost, where a provider allows no grace
	my ($effect, %more) = @{ _one_of(@harmless, [ 'cut_after' ], [ 'not_json' ]) };
	$self->_fault(_one_of(qw(google zoom)), 'token', $effect, %more);
	return;
}

sub _fault
{
	my ($self, $provider, $operation, $effect, %more) = @_;
	$self->{standin}->fault(provider => $provider, operation => $operation, effect => $effect,
		probability => 0.1 + rand 0.5, seed => int rand 1e6, %more);
	return;
}

# No faults any more; those that were are counted.
sub stop_faults
{
	my ($self) = @_;
	for my $fault (@{ $self->{standin}->admin(GET => 'faults') })
	{
		$self->{count}{"faults: $fault->{effect}"} += $fault->{hits} if $fault->{hits};
	}
	$self->{standin}->clear_faults;
	return;
}

# Something happens to a daemon or to the database.
sub strike
{
	my ($self) = @_;
	my $daemon = _one_of(@{ $self->{daemons} });
	my $luck   = rand;
	if    ($luck < 0.25) { $self->resume($daemon); $daemon->stop('KILL'); $daemon->start(no_wait => 1); $self->_did('daemons killed') }
	elsif ($luck < 0.35) { $self->resume($daemon); $daemon->stop('TERM'); $daemon->start(no_wait => 1); $self->_did('daemons restarted') }
	elsif ($luck < 0.60)
	{
		$daemon->process->signal('STOP');
		$self->{paused}{ $daemon->{name} } //= time() + 1 + rand 12;
		$self->_did('daemons paused');
	}
	elsif ($luck < 0.75)
	{
		$self->{pair}->try(q{select pg_terminate_backend(pid) from pg_stat_activity where usename = 'meetlinkd' and random() < 0.5});
		$self->_did('connections terminated');
	}
	elsif ($luck < 0.85) { $self->{pair}->restart('immediate'); $self->_did('crashes of PostgreSQL') }
	elsif ($luck < 0.90) { $self->{pair}->restart('fast');      $self->_did('restarts of PostgreSQL') }
	else                 { $self->{pair}->fail_over;            $self->_did('failovers') }
	return;
}

# Lets daemons go on whose pause is over; all of them with an argument.
sub resume_paused
{
	my ($self, $all) = @_;
	for my $daemon (@{ $self->{daemons} })
	{
		my $until = $self->{paused}{ $daemon->{name} } // next;
		$self->resume($daemon) if $all || time() > $until;
	}
	return;
}

sub resume
{
	my ($self, $daemon) = @_;
	$daemon->process->signal('CONT');
	delete $self->{paused}{ $daemon->{name} };
	return;
}

1;

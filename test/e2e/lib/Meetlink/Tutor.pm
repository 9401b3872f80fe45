package Meetlink::Tutor;

# A tutor of the application's tables with an account at the stand-in, and what happens to them.
use strict;
use warnings;

use Meetlink::Ciphertext qw(encrypt_cbc);

# %options: sql (a function that runs SQL and returns its output), standin, key, name, provider
# (google_meet or zoom). Makes the profile, connects an account, and stores its tokens encrypted.
sub new
{
	my ($class, %options) = @_;
	my $self = bless { provider => 'zoom', %options }, $class;
	$self->{id} = $self->{sql}->("insert into profiles (role, full_name) values ('tutor', '$self->{name}') returning id");
	$self->{student} = $self->{sql}->("insert into profiles (role, full_name) values ('student', 'student of $self->{name}') returning id");
	$self->reconnect;
	return $self;
}

sub id      { return $_[0]{id} }
sub account { return $_[0]{account} }
sub student { return $_[0]{student} }

sub account_path
{
	my $self = shift;
	return 'accounts/' . ($self->{provider} eq 'zoom' ? 'zoom' : 'google') . "/$self->{account}";
}

# Consents at the provider (a new account there the first time) and stores the tokens, as the application
# does when a tutor connects.
sub reconnect
{
	my ($self, %options) = @_;
	my $kind = $self->{provider} eq 'zoom' ? 'zoom' : 'google';
	my $tokens;
	if (defined $self->{account})
	{
		$tokens = $self->{standin}->admin(POST => $self->account_path . '/grant', {});
	}
	else
	{
		$self->{account} = lc($self->{name}) . '@example.org';
		$tokens = $self->{standin}->admin(
			POST => 'accounts',
			{
				provider => $kind, account => $self->{account}, client_id => "$kind-client",
				client_secret => "$kind-secret", %{ $self->{account_options} // {} }
			});
	}
	$self->store(%$tokens, expires => "now() + interval '1 hour'", %options);
	return $self;
}

# Writes tokens as the application does. %tokens: access_token, refresh_token, expires (SQL).
sub store
{
	my ($self, %tokens) = @_;
	my ($access, $refresh) = map { defined $_ ? "'" . encrypt_cbc($self->{key}, $_) . "'" : 'null' } @tokens{qw(access_token refresh_token)};
	$self->{sql}->(
		"insert into tutor_video_provider_connections as c (tutor_id, provider, provider_account_email,
			access_token_encrypted, refresh_token_encrypted, token_expires_at)
		values ('$self->{id}', '$self->{provider}', '$self->{account}', $access, $refresh, $tokens{expires})
		on conflict (tutor_id) do update set provider = excluded.provider, is_active = true,
			connection_status = 'connected', provider_account_email = excluded.provider_account_email,
			access_token_encrypted = excluded.access_token_encrypted,
			refresh_token_encrypted = excluded.refresh_token_encrypted,
			token_expires_at = excluded.token_expires_at");
	return;
}

# Confirms a booking that begins in $ahead (an interval): the application's trigger makes the session,
# whose id is returned.
sub book
{
	my ($self, $ahead) = @_;
	$ahead //= '1 day';
	my $booking = $self->{sql}->(
		"insert into bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at)
		values ('$self->{id}', '$self->{student}', now() + interval '$ahead', now() + interval '$ahead' + interval '1 hour')
		returning id");
	$self->{sql}->("update bookings set status = 'CONFIRMED' where id = '$booking'");
	return $self->{sql}->("select id from sessions where booking_id = '$booking'");
}

# SQL that confirms a booking which begins tomorrow.
sub booking
{
	my $self = shift;
	return "do \$\$ declare b uuid; begin
		insert into bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at)
		values ('$self->{id}', '$self->{student}', now() + interval '1 day', now() + interval '25 hours') returning id into b;
		update bookings set status = 'CONFIRMED' where id = b; end \$\$";
}

# Confirms this many bookings at once, in one transaction.
sub book_many
{
	my ($self, $count) = @_;
	$self->{sql}->("begin;
		insert into bookings (tutor_id, student_id, confirmed_start_at, confirmed_end_at)
		select '$self->{id}', '$self->{student}', now() + n * interval '1 hour', now() + (n + 1) * interval '1 hour' from generate_series(1, $count) n;
		update bookings set status = 'CONFIRMED' where tutor_id = '$self->{id}' and status = 'PENDING';
		commit");
	return;
}

# The access token has run out, here and at the provider.
sub expire_access
{
	my $self = shift;
	$self->{standin}->admin(POST => $self->account_path . '/expire', {});
	return $self->forget_access;
}

# The application has no access token that is known to be valid: the next use begins with a refresh.
sub forget_access
{
	my $self = shift;
	$self->{sql}->("update tutor_video_provider_connections set token_expires_at = now() - interval '1 hour' where tutor_id = '$self->{id}'");
	return;
}

# The tutor removes the application at the provider.
sub revoke
{
	my $self = shift;
	$self->{standin}->admin(POST => $self->account_path . '/revoke', {});
	return;
}

1;

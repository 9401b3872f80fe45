package Meetlink::Application;

# The application as meetlink meets it at the token columns: it refreshes connections by itself, in a process of its
# own, without knowing of any lease. It talks plain http to the stand-in, so that the request log tells it apart.
use strict;
use warnings;

use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Meetlink::Ciphertext qw(decrypt_cbc);
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Time::HiRes qw(sleep);

# %options: world, tutors (array of Meetlink::Tutor at Zoom), pause (seconds between refreshes), workers (processes).
# Collisions are what it is for: each worker prefers a connection that a daemon is refreshing at this moment, and on
# every other turn one for which a session is booked while it refreshes, so that a daemon wants to, too.
sub start
{
	my ($class, %options) = @_;
	my $self = bless { workers => 1, flag => "$options{world}{folder}/stop-application", %options }, $class;
	unlink $self->{flag};
	for my $seed (1 .. $self->{workers})
	{
		my $pid = fork() // die "could not fork: $!\n";
		push @{ $self->{pids} }, $pid;
		next if $pid;
		eval { $self->_run($seed); 1 } or do { warn $@; POSIX::_exit(1) };
		POSIX::_exit(0);
	}
	return $self;
}

# True if it met nothing that it could not cope with.
sub stop
{
	my $self = shift;
	open(my $flag, '>', $self->{flag}) or die $!;
	close $flag;
	my $well = 1;
	for my $pid (@{ $self->{pids} })
	{
		waitpid $pid, 0;
		$well &&= $? == 0;
	}
	return $well;
}

sub _run
{
	my ($self, $seed) = @_;
	my $agent = HTTP::Tiny->new(timeout => 10, default_headers => { authorization => 'Basic ' . encode_base64('zoom-client:zoom-secret', '') });
	my %tutor = map { ($_->id => $_) } @{ $self->{tutors} };
	my $sql   = $self->{tutors}[0]{sql};
	my $turn  = $seed;
	while (!-e $self->{flag})
	{
		my ($id, $stored) = split /\|/, $sql->("select c.tutor_id, c.refresh_token_encrypted
			from tutor_video_provider_connections c left join meetlink.refresh r on r.owner_id = c.tutor_id::text
			where c.provider = 'zoom' order by " . (++$turn % 2 ? 'r.held_by is null' : 'r.held_by is not null') . ", random() limit 1");
		my $tutor = $tutor{$id} or next;
		my $token = decrypt_cbc($tutor->{key}, $stored);
		my $booking = $turn % 2 ? undef : $self->{world}->later($tutor->booking);
		my $answer = $agent->post_form($self->{world}->standin->http_url . '/zoom/oauth/token',
			{ grant_type => 'refresh_token', refresh_token => $token });
		if ($answer->{status} == 200)
		{
			my $tokens = decode_json($answer->{content});
			$tutor->store(%$tokens, expires => "now() + interval '1 hour'");
		}
		elsif ($answer->{status} != 400)    # 400: the daemon was faster, and its tokens are about to be stored
		{
			die "the application got $answer->{status}\n";
		}
		$booking->wait_for_end if $booking;
		sleep $self->{pause};
	}
	return;
}

1;

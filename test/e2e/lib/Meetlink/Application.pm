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

# %options: world, tutors (array of Meetlink::Tutor at Zoom), pause (seconds between refreshes).
sub start
{
	my ($class, %options) = @_;
	my $self = bless { flag => "$options{world}{folder}/stop-application", %options }, $class;
	unlink $self->{flag};
	$self->{pid} = fork() // die "could not fork: $!\n";
	return $self if $self->{pid};
	eval { $self->_run; 1 } or POSIX::_exit(1);
	POSIX::_exit(0);
}

# True if it met nothing that it could not cope with.
sub stop
{
	my $self = shift;
	open(my $flag, '>', $self->{flag}) or die $!;
	close $flag;
	waitpid $self->{pid}, 0;
	return $? == 0;
}

sub _run
{
	my $self  = shift;
	my $agent = HTTP::Tiny->new(timeout => 10, default_headers => { authorization => 'Basic ' . encode_base64('zoom-client:zoom-secret', '') });
	srand 1;
	while (!-e $self->{flag})
	{
		my $tutor = $self->{tutors}[ rand @{ $self->{tutors} } ];
		my $stored = $tutor->{sql}->("select refresh_token_encrypted from tutor_video_provider_connections where tutor_id = '" . $tutor->id . "'");
		my $answer = $agent->post_form($self->{world}->standin->http_url . '/zoom/oauth/token',
			{ grant_type => 'refresh_token', refresh_token => decrypt_cbc($tutor->{key}, $stored) });
		if ($answer->{status} == 200)
		{
			my $tokens = decode_json($answer->{content});
			$tutor->store(%$tokens, expires => "now() + interval '1 hour'");
		}
		elsif ($answer->{status} != 400)    # 400: the daemon was faster, and its tokens are about to be stored
		{
			die "the application got $answer->{status}\n";
		}
		sleep $self->{pause};
	}
	return;
}

1;

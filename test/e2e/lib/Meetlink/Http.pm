package Meetlink::Http;

# Callers of the daemon's HTTP server: curl, and tokens made with the openssl command.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Exporter qw(import);
use JSON::PP qw(decode_json);
use MIME::Base64 qw(encode_base64url);
use Meetlink::Wait qw(wait_until);

our @EXPORT_OK = qw(address call hs256 signed unsigned);

# Where a daemon that listens on port 0 is found: its log says.
sub address
{
	my ($daemon) = @_;
	my ($told) = grep { $_->{event} eq 'http_listening' } reverse @{ $daemon->log };
	return $told->{address};
}

# One request with curl. %options: body, type (content type, default JSON when there is a body), token,
# headers (array), method, args (more of curl's). The answer: status, headers (hash, lower-case), body, json.
sub call
{
	my ($url, %options) = @_;
	my @command = (qw(curl -sS -i --max-time 40 -o -), '-X', $options{method} // (defined $options{body} ? 'POST' : 'GET'));
	my @headers = @{ $options{headers} // [] };
	push @headers, "Authorization: Bearer $options{token}" if defined $options{token};
	push @headers, 'Content-Type: ' . ($options{type} // 'application/json') if defined $options{body} || defined $options{type};
	push @headers, 'Expect:';
	my $input = '/dev/null';
	if (defined $options{body})
	{
		$input = "$PostgreSQL::Test::Utils::tmp_check/request-body";
		open(my $file, '>:raw', $input) or die $!;
		print $file $options{body};
		close $file;
		push @command, '--data-binary', "\@$input";
	}
	push @command, map { ('-H', $_) } @headers;
	push @command, @{ $options{args} // [] }, $url;
	open(my $out, '-|', @command) or die "curl: $!";
	binmode $out;
	my $text = do { local $/ = undef; <$out> };
	close $out;
	$text =~ s{\AHTTP/1\.1 100[^\r\n]*\r\n\r\n}{};
	my ($head, $body) = split /\r\n\r\n/, $text // '', 2;
	my ($first, @lines) = split /\r\n/, $head // '';
	my ($status) = ($first // '') =~ m{^HTTP/1\.1 (\d+)};
	my %header = map { my ($name, $value) = split /: */, $_, 2; (lc $name => $value) } @lines;
	return { status => $status // 0, headers => \%header, body => $body, json => scalar eval { decode_json($body) } };
}

# A token signed with a shared secret. $claims and %header: JSON text.
sub hs256
{
	my ($secret, $claims, $header) = @_;
	my $input = _input($header // '{"alg":"HS256","typ":"JWT"}', $claims);
	return "$input." . encode_base64url(hmac_sha256($input, $secret));
}

# A token signed with a private key file: RS256, or ES256 with its 64 bytes of R and S.
sub signed
{
	my ($algorithm, $key_file, $claims) = @_;
	my $input = _input(qq({"alg":"$algorithm","typ":"JWT"}), $claims);
	my $file  = "$PostgreSQL::Test::Utils::tmp_check/to-sign";
	open(my $out, '>:raw', $file) or die $!;
	print $out $input;
	close $out;
	my $signature = `openssl dgst -sha256 -sign '$key_file' -binary '$file'`;
	$signature = _raw_ecdsa($signature) if $algorithm eq 'ES256';
	return "$input." . encode_base64url($signature);
}

sub unsigned { my ($claims) = @_; return _input('{"alg":"none","typ":"JWT"}', $claims) . '.' }

sub _input { my ($header, $claims) = @_; return encode_base64url($header) . '.' . encode_base64url($claims) }

# DER's two integers as 32 bytes each (RFC 7518 section 3.4).
sub _raw_ecdsa
{
	my ($der) = @_;
	my ($r, $s) = unpack 'x2 x C/a x C/a', $der;
	return join '', map { substr(("\0" x 32) . $_, -32) } $r, $s;
}

1;

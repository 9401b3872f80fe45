package Bench::Report;

# One table: what was measured, what came out, what it has to reach.
use strict;
use warnings;

use POSIX qw(strftime);

sub new
{
	my ($class, %options) = @_;
	return bless { rounds => 5, rows => [], %options }, $class;
}

sub rounds { return $_[0]{rounds} }

# One result; $reached is undef where nothing is demanded.
sub row
{
	my ($self, $what, $result, $goal, $reached) = @_;
	push @{ $self->{rows} }, [ $what, $result, $goal // '', !defined $reached ? '' : $reached ? 'yes' : '**no**' ];
	printf "%s: %s%s\n", $what, $result, defined $goal ? " (to reach: $goal)" : '';
	return;
}

sub write
{
	my ($self, $file, @versions) = @_;
	my ($cpu) = map { /^model name\s*:\s*(.*)/ ? $1 : () } _lines('/proc/cpuinfo');
	my $cores = grep { /^processor/ } _lines('/proc/cpuinfo');
	my ($memory) = map { /^MemTotal:\s*(\d+)/ ? int($1 / 1048576 + 0.5) : () } _lines('/proc/meminfo');
	open(my $out, '>', $file) or die "$file: $!";
	print $out "# Results of `make bench`\n\n",
	  strftime('%Y-%m-%d', gmtime), ", $cores cores ($cpu), $memory GB, shared by PostgreSQL, the stand-in provider and the program measured. ",
	  join(', ', @versions), ".\nMedians of $self->{rounds} interleaved rounds, with the lowest and the highest round in brackets.\n\n",
	  "| what | result | to reach | reached |\n| --- | --- | --- | --- |\n",
	  map { '| ' . join(' | ', @$_) . " |\n" } @{ $self->{rows} };
	close $out;
	return;
}

sub _lines
{
	open(my $file, '<', $_[0]) or return;
	return <$file>;
}

1;

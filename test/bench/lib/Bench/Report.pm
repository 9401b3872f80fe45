package Bench::Report;

# A table for each measurement: what was measured, what came out, what it has to reach.
use strict;
use warnings;

use POSIX qw(strftime);

my $introduction = <<'END';
# Results of `make bench`

PostgreSQL, the stand-in provider and the program measured share the machine. Medians of interleaved rounds, with the lowest
and the highest round in brackets. Measurements that were not run again keep their table.
END

# versions: of what is measured, in words.
sub new
{
	my ($class, %options) = @_;
	return bless { rounds => 5, versions => [], sections => {}, %options }, $class;
}

sub rounds { return $_[0]{rounds} }

# What the next rows belong to.
sub begin
{
	my ($self, $section) = @_;
	$self->{section} = $section;
	return;
}

# One result; $reached is undef where nothing is demanded.
sub row
{
	my ($self, $what, $result, $goal, $reached) = @_;
	push @{ $self->{sections}{ $self->{section} } }, [ $what, $result, $goal // '', !defined $reached ? '' : $reached ? 'yes' : '**no**' ];
	printf "%s: %s%s\n", $what, $result, defined $goal ? " (to reach: $goal)" : '';
	return;
}

# Writes $file with the tables of @order: those of this run, the others as they are in $former.
sub write
{
	my ($self, $file, $former, @order) = @_;
	my %text = map { /\A(\w+)\n/ ? ($1 => $_) : () } split /^## /m, join '', _lines($former);
	$text{$_} = $self->_table($_) for keys %{ $self->{sections} };
	open(my $out, '>', $file) or die "$file: $!";
	print $out $introduction, map { "\n## " . ($text{$_} =~ s/\s*\z/\n/r) } grep { $text{$_} } @order;
	close $out;
	return;
}

sub _table
{
	my ($self, $section) = @_;
	my ($cpu) = map { /^model name\s*:\s*(.*)/ ? $1 : () } _lines('/proc/cpuinfo');
	my $cores = grep { /^processor/ } _lines('/proc/cpuinfo');
	my ($memory) = map { /^MemTotal:\s*(\d+)/ ? int($1 / 1048576 + 0.5) : () } _lines('/proc/meminfo');
	return "$section\n\n" . strftime('%Y-%m-%d', gmtime) . ", $cores cores ($cpu), $memory GB, "
	  . join(', ', @{ $self->{versions} }, "$self->{rounds} rounds") . ".\n\n"
	  . "| what | result | to reach | reached |\n| --- | --- | --- | --- |\n"
	  . join '', map { '| ' . join(' | ', @$_) . " |\n" } @{ $self->{sections}{$section} };
}

sub _lines
{
	open(my $file, '<', $_[0]) or return;
	return <$file>;
}

1;

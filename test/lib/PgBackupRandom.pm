
=pod

=head1 NAME

PgBackupRandom - databases that nobody has thought of

=head1 SYNOPSIS

  use PgBackupRandom;

  my $sql = PgBackupRandom->new($seed)->database;

=head1 DESCRIPTION

SQL that makes schemas, types, tables with rows, and what hangs on tables, all of
it by chance; the same seed gives the same text on every machine. It needs an
empty database of encoding UTF8, and the roles random_a and random_b. Nothing in
it is made in a way that pg_dump alone would not bring back as it was.

=cut

package PgBackupRandom;

use strict;
use warnings;
use utf8;

use Encode ();

sub new
{
	my ($class, $seed) = @_;
	my $self = bless { state => $seed, names => {}, sql => [], schemas => [], enums => [], domains => [], composites => [], tables => [] }, $class;

	$self->number(2) foreach 1 .. 8;
	return $self;
}

=pod

=head1 METHODS

=over

=item database

The SQL, as bytes in UTF-8.

=cut

sub database
{
	my ($self) = @_;

	$self->say(q(SET client_min_messages = error), q(SET timezone = 'UTC'));
	$self->make_schemas;
	$self->make_types;
	$self->make_functions;
	$self->make_sequence foreach 1 .. $self->number(3);
	$self->make_table foreach 0 .. 1 + $self->number(4);
	$self->make_partitioned_table foreach 1 .. $self->number(3);
	$self->make_children foreach 1 .. $self->number(2);
	$self->decorate($_) foreach @{ $self->{tables} };
	$self->make_view foreach 1 .. $self->number(4);
	$self->make_large_object foreach 1 .. $self->number(3);
	return Encode::encode('UTF-8', join '', map { "$_;\n" } @{ $self->{sql} });
}

sub say
{
	my ($self, @statements) = @_;

	push @{ $self->{sql} }, @statements;
	return;
}

# ---- chance ----

# From 0 to below limit.
sub number
{
	my ($self, $limit) = @_;
	use integer;

	# Knuth's numbers for MMIX; the low bits are not random
	$self->{state} = $self->{state} * 6364136223846793005 + 1442695040888963407;
	return (($self->{state} >> 33) & 0x3fffffff) % $limit;
}

sub chance
{
	my ($self, $percent) = @_;

	return $self->number(100) < $percent;
}

sub any
{
	my ($self, @choices) = @_;

	return $choices[ $self->number(scalar @choices) ];
}

# ---- text ----

my @pieces = (
	'a', 'B', 'z', '0', '9', ' ', '  ', "\t", "\n", "\r", "\r\n", "\b", "\f", "\x0b", "\x01", "\x1b", "\x7f", '\\', '\\\\', '\\.', '\\N',
	'\\n', "'", '"', '""', ',', ';', '{', '}', '(', ')', '[', ']', '%s', '$$', '--', '/*', '&', '<', '>', 'NULL', 'null', 'é', 'ß', 'İ',
	'Ω', 'я', 'ش', '日本', '👩‍👧', "\x{2028}", "\x{feff}", "\x{10ffff}", "e\x{301}", 'lorem ipsum ', 'SELECT 1', '0x1F', '1e5');

sub text
{
	my ($self, $max) = @_;

	return $self->any('', '\\.', '\\N', "\n", ' ', '\\', "'", '"', 'NULL') if $self->chance(12);
	my $text = join '', map { $self->any(@pieces) } 0 .. $self->number($self->any(2, 5, 20, 60));
	return defined $max ? substr($text, 0, $max) : $text;
}

sub quoted
{
	my ($text) = @_;

	$text =~ s/([\\'])/$1$1/g;
	return "E'$text'";
}

my @words = ('orders', 'Item', 'select', 'a b', 'x"y', "it's", 'naïve', '日本', 'a.b', 'back\\slash', 'table', '%', '$1', 'UPPER', 'line
break', '_', 'é', ':v', 'very long name that nearly takes all the room there', '--', 't');

# A new name, quoted for SQL.
sub name
{
	my ($self) = @_;
	my $name;

	do
	{
		$name = $self->any(@words) . ($self->chance(50) ? $self->number(1000) : ' ' . $self->any(@words));
		chop $name while length Encode::encode('UTF-8', $name) > 40;
	} while $self->{names}{$name}++;
	return identifier($name);
}

sub identifier
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq("$name");
}

sub in_schema
{
	my ($self) = @_;

	return $self->any(@{ $self->{schemas} }) . '.' . $self->name;
}

# ---- values of built-in types ----

sub digits
{
	my ($self, $count) = @_;

	return join '', map { $self->number(10) } 1 .. $count;
}

sub decimal
{
	my ($self) = @_;

	return $self->any('', '-') . $self->digits(1 + $self->number($self->any(3, 12, 60))) . '.' . $self->digits(1 + $self->number($self->any(3, 30)));
}

sub moment
{
	my ($self) = @_;
	my $date = sprintf '%04d-%02d-%02d', $self->any(1, 99, 1582, 1900, 1970, 1999, 2000, 2024, 9999, 100000), 1 + $self->number(12), 1 + $self->number(28);
	my $time = sprintf '%02d:%02d:%02d', $self->number(24), $self->number(60), $self->number(60);

	$time .= '.' . $self->digits(1 + $self->number(6)) if $self->chance(50);
	return ($date, $time, $date lt '4' && $date !~ /^100000/ && $self->chance(8) ? ' BC' : '');
}

sub hex
{
	my ($self, $bytes) = @_;

	return join '', map { sprintf '%02x', $self->any(0, 9, 10, 13, 39, 92, 255, $self->number(256)) } 1 .. $bytes;
}

sub integer
{
	my ($self, $bits) = @_;
	my %limits = (16 => [ '-32768', '32767' ], 32 => [ '-2147483648', '2147483647' ], 64 => [ '-9223372036854775808', '9223372036854775807' ]);

	return $self->any(@{ $limits{$bits} }, 0, -1) if $self->chance(25);
	return $self->any('', '-') . $self->number($bits == 16 ? 32768 : 1000000000);
}

sub float
{
	my ($self, $exponent) = @_;

	return $self->any('NaN', 'Infinity', '-Infinity', '-0', '0', '0.1') if $self->chance(30);
	return $self->any('', '-') . $self->digits(1) . '.' . $self->digits(1 + $self->number(18)) . 'e' . ($self->number(2 * $exponent) - $exponent);
}

sub json
{
	my ($self, $depth) = @_;
	my $kind = $self->number($depth > 3 ? 4 : 6);

	return $self->any('null', 'true', 'false') if $kind == 0;
	return $self->any('0', '-1.50', '1e5', '12345678901234567890.123') if $kind == 1;
	return json_string($self->text(20)) if $kind < 4;
	return '[' . join(', ', map { $self->json($depth + 1) } 1 .. $self->number(4)) . ']' if $kind == 4;
	return '{' . join(',', map { json_string($self->text(8) . $_) . ': ' . $self->json($depth + 1) } 1 .. $self->number(4)) . '}';
}

sub json_string
{
	my ($text) = @_;

	$text =~ s/(["\\])/\\$1/g;
	$text =~ s/([\x00-\x1f])/sprintf '\\u%04x', ord $1/ge;
	return qq("$text");
}

sub point
{
	my ($self) = @_;

	return '(' . $self->any(0, '-0', 1, -1.5, '1e300', '0.1', $self->number(100)) . ',' . $self->number(100) . ')';
}

sub points
{
	my ($self, $count) = @_;

	return join ',', map { $self->point } 1 .. $count;
}

# Two bounds in order, or none.
sub range
{
	my ($self, $lower, $upper) = @_;

	return 'empty' if $self->chance(10);
	return $self->any('[', '(') . ($self->chance(15) ? '' : $lower) . ',' . ($self->chance(15) ? '' : $upper) . $self->any(']', ')');
}

sub integer_range
{
	my ($self) = @_;
	my $lower = $self->number(1000) - 500;

	return $self->range($lower, $lower + $self->number(50));
}

# Name of the type, its values as text, the index methods that it has without more ado.
my @types = (
	[ 'smallint', sub { $_[0]->integer(16) }, 'btree', 'hash', 'brin' ],
	[ 'integer', sub { $_[0]->integer(32) }, 'btree', 'hash', 'brin' ],
	[ 'bigint', sub { $_[0]->integer(64) }, 'btree', 'hash', 'brin' ],
	[ 'numeric', sub { $_[0]->chance(15) ? $_[0]->any('NaN', 'Infinity', '-Infinity', '0.000', '1e300', '-1e-300') : $_[0]->decimal }, 'btree', 'hash' ],
	[ 'numeric(12,3)', sub { $_[0]->any('NaN', '-0.0005', $_[0]->number(1000000) . '.' . $_[0]->digits(4)) }, 'btree' ],
	[ 'real', sub { $_[0]->float(30) }, 'btree' ],
	[ 'double precision', sub { $_[0]->float(290) }, 'btree', 'hash' ],
	[ 'money', sub { $_[0]->any('', '-') . $_[0]->number(1000000) . '.' . $_[0]->digits(2) }, 'btree' ],
	[ 'boolean', sub { $_[0]->any('t', 'f') }, 'btree' ],
	[ 'text', sub { $_[0]->text }, 'hash', 'spgist' ],
	[ 'text COLLATE "C"', sub { $_[0]->text }, 'hash' ],
	[ 'character varying(30)', sub { $_[0]->text(30) }, 'btree' ],
	[ 'character(9)', sub { $_[0]->text(9) }, 'btree' ],
	[ 'name', sub { $_[0]->text(12) }, 'btree' ],
	[ '"char"', sub { $_[0]->any('', 'a', '\\', "\t", '"') }, 'btree' ],
	[ 'bytea', sub { '\\x' . $_[0]->hex($_[0]->number(40)) }, 'btree', 'hash' ],
	[ 'date', sub { my @m = $_[0]->moment; $_[0]->chance(10) ? $_[0]->any('infinity', '-infinity', '4714-11-24 BC', '5874897-12-31') : $m[0] . $m[2] }, 'btree', 'brin' ],
	[ 'time', sub { ($_[0]->moment)[1] }, 'btree' ],
	[ 'time(2) with time zone', sub { ($_[0]->moment)[1] . $_[0]->any('+00', '-15:59', '+05:30') }, 'btree' ],
	[ 'timestamp', sub { my @m = $_[0]->moment; $_[0]->chance(10) ? $_[0]->any('infinity', '-infinity', '294276-12-31 23:59:59.999999') : "$m[0] $m[1]$m[2]" }, 'btree', 'brin' ],
	[ 'timestamp(3) with time zone', sub { my @m = $_[0]->moment; $_[0]->chance(10) ? $_[0]->any('infinity', '-infinity') : "$m[0] $m[1]" . $_[0]->any('+00', '-07', '+05:45') . $m[2] }, 'btree' ],
	[ 'interval', sub { join ' ', $_[0]->number(2000) - 1000 . ' mons', $_[0]->number(2000) - 1000 . ' days', $_[0]->any('', '-') . ($_[0]->moment)[1] }, 'btree' ],
	[ 'uuid', sub { $_[0]->hex(16) }, 'btree', 'hash' ],
	[ 'json', sub { $_[0]->json(0) } ],
	[ 'jsonb', sub { $_[0]->json(0) }, 'gin', 'btree' ],
	[ 'xml', sub { $_[0]->any('', 'text', '<a/>', '<a b="1 &lt; 2">é<!-- \\ --></a>', "<?xml version=\"1.0\"?>\n<x>\t</x>") } ],
	[ 'jsonpath', sub { $_[0]->any('$', '$.a[*] ? (@.b > 1)', 'strict $.**{2 to 5}') } ],
	[ 'inet', sub { $_[0]->any('::1', '10.0.0.1/8', '2001:db8::ff/64', join '.', map { $_[0]->number(256) } 1 .. 4) }, 'btree', 'spgist' ],
	[ 'cidr', sub { $_[0]->any('::/0', '10.0.0.0/8', '0.0.0.0/0', '1.2.3.4/32') }, 'btree' ],
	[ 'macaddr', sub { $_[0]->hex(6) }, 'btree' ],
	[ 'macaddr8', sub { $_[0]->hex(8) }, 'btree' ],
	[ 'bit(11)', sub { join '', map { $_[0]->number(2) } 1 .. 11 }, 'btree' ],
	[ 'bit varying', sub { my $self = shift; join '', map { $self->number(2) } 1 .. $self->number(70) }, 'btree' ],
	[ 'point', sub { $_[0]->point }, 'gist', 'spgist' ],
	[ 'line', sub { '{' . join(',', 1 + $_[0]->number(9), $_[0]->number(9), '0.3') . '}' } ],
	[ 'lseg', sub { '[' . $_[0]->points(2) . ']' } ],
	[ 'box', sub { $_[0]->points(2) }, 'gist' ],
	[ 'path', sub { my $p = $_[0]->points(1 + $_[0]->number(4)); $_[0]->any("[$p]", "($p)") } ],
	[ 'polygon', sub { '(' . $_[0]->points(1 + $_[0]->number(4)) . ')' }, 'gist' ],
	[ 'circle', sub { '<' . $_[0]->point . ',' . $_[0]->number(9) . '>' }, 'gist' ],
	[ 'tsvector', sub { my $self = shift; join ' ', map { $self->any('a:1A', "'it''s':3,5", 'ünï', "'b c'") } 1 .. $self->number(4) }, 'gin', 'gist' ],
	[ 'tsquery', sub { $_[0]->any('', "!(a & 'b c':*AB) | d", 'a <-> b <3> c') } ],
	[ 'oid', sub { $_[0]->any(0, 4294967295, $_[0]->number(100000)) }, 'btree', 'hash' ],
	[ 'xid8', sub { $_[0]->any(0, '18446744073709551615') }, 'btree' ],
	[ 'pg_lsn', sub { $_[0]->any('0/0', 'FFFFFFFF/FFFFFFFF', '16/B3748000') }, 'btree' ],
	[ 'pg_snapshot', sub { $_[0]->any('1:1:', '10:20:10,14,15') } ],
	[ 'int4range', sub { $_[0]->integer_range }, 'gist', 'btree' ],
	[ 'numrange', sub { $_[0]->integer_range }, 'gist' ],
	[ 'daterange', sub { $_[0]->range('2000-01-01', $_[0]->any('2000-01-01', '2024-02-29', 'infinity')) }, 'gist' ],
	[ 'tstzrange', sub { $_[0]->range('"2000-01-01 00:00:00+00"', $_[0]->any('infinity', '"2020-01-01 01:02:03.4+00"')) }, 'gist' ],
	[ 'int8multirange', sub { my $self = shift; '{' . join(',', map { $self->integer_range } 1 .. $self->number(4)) . '}' } ],
	[ 'tsmultirange', sub { $_[0]->any('{}', '{(,)}', '{[2000-01-01,2001-01-01),(2002-01-01,]}') } ],
);

# A column's type: name, a function that gives an expression for a value, index methods.
sub type
{
	my ($self) = @_;
	my $dice = $self->number(100);
	my @own = (@{ $self->{enums} }, @{ $self->{domains} }, @{ $self->{composites} });

	return $self->any(@own) if $dice < 15 && @own;
	return $self->array_of($self->any(@own)) if $dice < 20 && @own;
	return $self->array_of($self->built_in_type) if $dice < 35;
	return $self->long_type if $dice < 40;
	return $self->built_in_type;
}

sub built_in_type
{
	my ($self) = @_;
	my ($name, $value, @methods) = @{ $self->any(@types) };

	return {
		name => $name,
		value => sub { quoted($value->($self)) . '::' . $name =~ s/ COLLATE .*//r },
		methods => \@methods,
	};
}

sub array_of
{
	my ($self, $type) = @_;
	my $name = $type->{name} =~ s/ COLLATE .*//r . '[]';

	return {
		name => $name,
		value => sub {
			my $row = sub { 'ARRAY[' . join(', ', map { $self->chance(15) ? "NULL::" . substr($name, 0, -2) : $type->{value}->() } 1 .. $_[0]) . ']' };
			my $columns = 1 + $self->number(3);

			return "'{}'::$name" if $self->chance(10);
			return 'ARRAY[' . join(', ', map { $row->($columns) } 1 .. 2) . "]::$name" if $self->chance(15);
			return $row->($self->number(6) + 1) . "::$name";
		},
		methods => [],
	};
}

# Values that are compressed, or stored out of line.
sub long_type
{
	my ($self) = @_;

	return {
		name => 'text',
		value => sub {
			my $length = $self->any(1, 100, 1000, 4000);

			return $self->chance(50)
			  ? 'repeat(' . quoted($self->text(20)) . ", $length)"
			  : "(SELECT string_agg(md5((i * " . $self->number(10000) . ")::text), '\\') FROM generate_series(0, $length / 10) i)";
		},
		methods => [ 'hash' ],
	};
}

# ---- schemas, types, functions ----

sub make_schemas
{
	my ($self) = @_;

	foreach (0 .. $self->number(3))
	{
		my $schema = $self->name;

		$self->say("CREATE SCHEMA $schema" . $self->any('', ' AUTHORIZATION random_a'));
		$self->say("GRANT USAGE ON SCHEMA $schema TO random_b") if $self->chance(40);
		$self->say("ALTER DEFAULT PRIVILEGES IN SCHEMA $schema GRANT SELECT ON TABLES TO random_b") if $self->chance(15);
		$self->comment("SCHEMA $schema");
		push @{ $self->{schemas} }, $schema;
	}
	push @{ $self->{schemas} }, 'public';
	return;
}

sub comment
{
	my ($self, $object) = @_;

	$self->say("COMMENT ON $object IS " . quoted('c' . $self->text)) if $self->chance(25);
	return;
}

sub make_types
{
	my ($self) = @_;

	foreach (1 .. $self->number(3))
	{
		my $name = $self->in_schema;
		my %labels = map { substr($self->text(15), 0, 15) . $_ => 1 } 0 .. $self->number(6);
		my @labels = map { quoted($_) } sort keys %labels;

		$self->say("CREATE TYPE $name AS ENUM (" . join(', ', @labels) . ')');
		$self->comment("TYPE $name");
		push @{ $self->{enums} }, { name => $name, value => sub { $self->any(@labels) . "::$name" }, methods => [ 'btree', 'hash' ] };
	}
	foreach (1 .. $self->number(3))
	{
		my $base = $self->built_in_type;
		my $name = $self->in_schema;
		my $base_name = $base->{name};

		$self->say("CREATE DOMAIN $name AS $base_name CONSTRAINT " . $self->name . " CHECK (pg_column_size(VALUE) > 0)");
		$self->comment("DOMAIN $name");
		push @{ $self->{domains} }, { name => $name, value => sub { $base->{value}->() . "::$name" }, methods => $base->{methods} };
	}
	foreach (1 .. $self->number(3))
	{
		my @columns = map { $self->type } 0 .. $self->number(4);
		my $name = $self->in_schema;

		$self->say("CREATE TYPE $name AS (" . join(', ', map { $self->name . " $_->{name}" } @columns) . ')');
		push @{ $self->{composites} },
		  {
			name => $name,
			value => sub { 'ROW(' . join(', ', map { $self->chance(20) ? 'NULL' : $_->{value}->() } @columns) . ")::$name" },
			methods => [],
		  };
	}
	return;
}

sub make_functions
{
	my ($self) = @_;

	$self->{trigger} = $self->in_schema;
	$self->say("CREATE FUNCTION $self->{trigger}() RETURNS trigger LANGUAGE plpgsql AS "
		  . quoted('BEGIN /* ' . $self->text =~ s{[*/]}{}gr . ' */ RETURN NEW; END'));
	foreach (1 .. $self->number(3))
	{
		my $function = $self->in_schema;

		$self->say("CREATE FUNCTION $function(integer, " . $self->name . " text DEFAULT " . quoted($self->text) . ") RETURNS text "
			  . $self->any('IMMUTABLE', 'STABLE STRICT', 'VOLATILE SECURITY DEFINER', 'PARALLEL SAFE COST 7')
			  . " LANGUAGE sql AS "
			  . quoted('SELECT ' . quoted($self->text)));
		$self->say("REVOKE EXECUTE ON FUNCTION $function(integer, text) FROM PUBLIC") if $self->chance(30);
		$self->comment("FUNCTION $function(integer, text)");
	}
	return;
}

sub make_sequence
{
	my ($self) = @_;
	my $sequence = $self->in_schema;

	$self->say("CREATE " . $self->any('', '', 'UNLOGGED ') . "SEQUENCE $sequence AS "
		  . $self->any('smallint', 'integer', 'bigint')
		  . $self->any('', ' INCREMENT 3', ' INCREMENT -2 MAXVALUE 100 MINVALUE -100 START 7', ' START 5 CYCLE CACHE 4'));
	$self->say("SELECT nextval(" . quoted($sequence) . ")") if $self->chance(50);
	$self->say("SELECT setval(" . quoted($sequence) . ", 42, " . $self->any('true', 'false') . ")") if $self->chance(40);
	$self->say("GRANT USAGE ON SEQUENCE $sequence TO random_b") if $self->chance(30);
	return;
}

# ---- tables ----

# What a table's key may be: definition of the column, and its n-th value.
my @keys = (
	[ 'integer', sub { $_[0] } ],
	[ 'integer GENERATED ALWAYS AS IDENTITY', sub { $_[0] } ],
	[ 'bigint GENERATED BY DEFAULT AS IDENTITY (START 1000 INCREMENT 7)', sub { $_[0] } ],
	[ 'serial', sub { $_[0] } ],
	[ 'text', sub { quoted("k\\ $_[0]") } ],
	[ 'uuid', sub { "md5('$_[0]')::uuid" } ],
	[ 'numeric', sub { "$_[0].50" } ],
	[ 'date', sub { "'2000-01-01'::date + $_[0]" } ],
);

sub make_table
{
	my ($self) = @_;
	my ($key_definition, $key_value) = @{ $self->any(@keys) };
	my $table = { name => $self->in_schema, key => $self->name, key_value => $key_value, key_definition => $key_definition };
	my $always = $key_definition =~ /ALWAYS/;

	$table->{key_type} = $key_definition eq 'serial' ? 'integer' : (split ' ', $key_definition)[0];
	$table->{columns} = [ map { { name => $self->name, type => $self->type } } 1 .. $self->number(12) ];
	$self->add_reference($table) foreach 1 .. ($self->chance(40) ? 1 + $self->number(2) : 0);
	$table->{rows} = $self->any(0, 1, 2, 5, 20, 20, 60, 150);

	my @definitions = ("$table->{key} $key_definition", map { $self->column_definition($_) } @{ $table->{columns} });
	push @definitions, 'CONSTRAINT ' . $self->name . " PRIMARY KEY ($table->{key})" . $self->any('', '', ' DEFERRABLE')
	  if $self->chance(80) && ($table->{has_key} = 1);
	push @definitions, map { $self->generated_column($_) } grep { $self->chance(10) } @{ $table->{columns} };
	$self->say('CREATE ' . $self->any('', '', '', '', '', '', 'UNLOGGED ') . "TABLE $table->{name} (" . join(",\n\t", @definitions) . ')'
		  . $self->any('', '', '', ' WITH (fillfactor = 70)', ' WITH (autovacuum_enabled = false)'));
	$table->{has_key} = 0 if $table->{has_key} && $self->{sql}[-1] =~ /DEFERRABLE/;
	$table->{has_key} = 0 if $self->{sql}[-1] =~ /^CREATE UNLOGGED/;
	$self->fill($table, $always ? ' OVERRIDING SYSTEM VALUE' : '');
	$self->add_foreign_keys($table);
	push @{ $self->{tables} }, $table;
	return;
}

sub column_definition
{
	my ($self, $column) = @_;
	my $definition = "$column->{name} $column->{type}{name}";

	$column->{not_null} = $self->chance(10) && !$column->{refers_to};
	$definition .= ' NOT NULL' if $column->{not_null};
	$definition .= ' DEFAULT ' . $column->{default} if $self->chance(20) && ($column->{default} = $self->default_of($column->{type}));
	return $definition;
}

# Without subqueries.
sub default_of
{
	my ($self, $type) = @_;
	my $value = $type->{value}->();

	return $value =~ /SELECT|repeat/ ? undef : $value;
}

sub generated_column
{
	my ($self, $column) = @_;

	return $self->name . " boolean GENERATED ALWAYS AS ($column->{name} IS NULL) STORED";
}

sub add_reference
{
	my ($self, $table) = @_;
	my ($other) = grep { $_->{has_key} } map { $self->any(@{ $self->{tables} }) } @{ $self->{tables} } ? 1 .. 3 : ();

	return unless $other;
	push @{ $table->{columns} },
	  {
		name => $self->name,
		refers_to => $other,
		type => {
			name => $other->{key_type},
			value => sub { $other->{rows} ? $other->{key_value}->(1 + $self->number($other->{rows})) : 'NULL' },
			methods => [ 'btree' ],
		}
	  };
	return;
}

sub add_foreign_keys
{
	my ($self, $table) = @_;

	foreach my $column (grep { $_->{refers_to} } @{ $table->{columns} })
	{
		$self->say("ALTER TABLE $table->{name} ADD CONSTRAINT " . $self->name . " FOREIGN KEY ($column->{name}) REFERENCES $column->{refers_to}{name}"
			  . $self->any('', ' ON DELETE CASCADE', ' ON UPDATE SET NULL ON DELETE SET NULL', ' DEFERRABLE INITIALLY DEFERRED', ' NOT VALID'));
	}
	return;
}

# Rows with their keys 1, 2, ... in it; some are rolled back, updated, or deleted again.
sub fill
{
	my ($self, $table, $overriding) = @_;
	my $names = join ', ', $table->{key}, map { $_->{name} } @{ $table->{columns} };
	my @rows = map { $self->row($table, $_) } 1 .. $table->{rows};

	if ($self->chance(20) && @rows)
	{
		$self->say('BEGIN', "INSERT INTO $table->{name} ($names)$overriding VALUES $rows[0]", 'ROLLBACK');
	}
	while (my @batch = splice @rows, 0, 40)
	{
		$self->say("INSERT INTO $table->{name} ($names)$overriding VALUES\n\t" . join(",\n\t", @batch));
	}
	my @free = grep { !$_->{not_null} && !$_->{refers_to} } @{ $table->{columns} };
	$self->say("UPDATE $table->{name} SET $free[0]{name} = NULL WHERE $table->{key}::text LIKE '%3%'") if @free && $self->chance(30);
	return;
}

sub row
{
	my ($self, $table, $n) = @_;

	return '(' . join(', ', $table->{key_value}->($n), map { $self->chance(15) && !$_->{not_null} ? 'NULL' : $_->{type}{value}->() } @{ $table->{columns} }) . ')';
}

my %partitions = (
	'RANGE' => [ 'FOR VALUES FROM (MINVALUE) TO (10)', 'FOR VALUES FROM (10) TO (30)', 'DEFAULT' ],
	'LIST' => [ 'FOR VALUES IN (1, 3, 5, 7)', 'FOR VALUES IN (2, 4, NULL)', 'DEFAULT' ],
	'HASH' => [ map { "FOR VALUES WITH (MODULUS 3, REMAINDER $_)" } 0 .. 2 ],
);

sub make_partitioned_table
{
	my ($self) = @_;
	my $way = $self->any(sort keys %partitions);
	my $table = { name => $self->in_schema, key => $self->name, key_value => sub { $_[0] }, key_type => 'integer', rows => $self->any(0, 5, 40) };

	$table->{columns} = [ map { { name => $self->name, type => $self->type } } 1 .. $self->number(6) ];
	my @definitions = ("$table->{key} integer", map { $self->column_definition($_) } @{ $table->{columns} });
	push @definitions, "PRIMARY KEY ($table->{key})" if ($table->{has_key} = $way ne 'LIST' && $self->chance(50));
	$self->say("CREATE TABLE $table->{name} (" . join(', ', @definitions) . ") PARTITION BY $way ($table->{key})");
	foreach my $bounds (@{ $partitions{$way} })
	{
		my $partition = $self->in_schema;
		my $nested = $way eq 'RANGE' && $self->chance(20) && $bounds eq 'DEFAULT';

		if ($self->chance(30) && !$nested)
		{
			# made apart, with its columns in another order
			my ($first, @others) = map { $_ =~ s/ DEFAULT .*//sr } grep { !/^PRIMARY KEY/ } @definitions;

			$self->say("CREATE TABLE $partition (gone integer, " . join(', ', @others, $table->{has_key} ? "$first NOT NULL" : $first) . ')');
			$self->say("ALTER TABLE $partition DROP gone", "ALTER TABLE $table->{name} ATTACH PARTITION $partition $bounds");
			next;
		}
		$self->say("CREATE TABLE $partition PARTITION OF $table->{name} $bounds" . ($nested ? " PARTITION BY HASH ($table->{key})" : ''));
		$self->say('CREATE TABLE ' . $self->in_schema . " PARTITION OF $partition FOR VALUES WITH (MODULUS 1, REMAINDER 0)") if $nested;
	}
	$self->fill($table, '');
	push @{ $self->{tables} }, $table;
	return;
}

sub make_children
{
	my ($self) = @_;
	my ($parent) = grep { $_->{key_type} } $self->any(@{ $self->{tables} });

	return if $self->{sql} && grep { /\A CREATE\ TABLE\ \Q$parent->{name}\E\ .*PARTITION\ BY/xs } @{ $self->{sql} };
	my $child = { %$parent, name => $self->in_schema, rows => $self->any(0, 3, 10), has_key => 0 };

	$self->say("CREATE TABLE $child->{name} (" . $self->name . " integer DEFAULT 5) INHERITS ($parent->{name})");
	$child->{columns} = [ @{ $parent->{columns} } ];
	$self->fill($child, '');
	push @{ $self->{tables} }, $child;
	return;
}

# ---- what hangs on tables ----

sub decorate
{
	my ($self, $table) = @_;
	my $name = $table->{name};

	$self->comment("TABLE $name");
	$self->comment("COLUMN $name.$table->{key}");
	foreach my $column (@{ $table->{columns} })
	{
		$self->make_index($table, $column) if @{ $column->{type}{methods} } && $self->chance(20);
	}
	$self->say("CREATE INDEX ON $name (($table->{key}::text || 'x')) WHERE $table->{key} IS NOT NULL") if $self->chance(15) && $table->{key_type} ne 'date';
	$self->say('CREATE STATISTICS ' . $self->in_schema . " ON $table->{key}, " . $self->any(map { "($_->{name} IS NULL)" } @{ $table->{columns} }) . " FROM $name")
	  if $self->chance(15) && @{ $table->{columns} };
	$self->say("ALTER TABLE $name ADD CONSTRAINT " . $self->name . " CHECK ($table->{key} IS NOT NULL OR true)" . $self->any('', ' NO INHERIT'))
	  if $self->chance(15) && !$self->is_partitioned($table);
	$self->say("GRANT " . $self->any('SELECT', 'ALL', "UPDATE ($table->{key})", 'INSERT, DELETE') . " ON $name TO random_b" . $self->any('', ' WITH GRANT OPTION')) if $self->chance(30);
	$self->say('CREATE TRIGGER ' . $self->name . " BEFORE UPDATE ON $name FOR EACH ROW EXECUTE FUNCTION $self->{trigger}(" . quoted($self->text) . ')') if $self->chance(20);
	$self->say("ALTER TABLE $name ENABLE ROW LEVEL SECURITY", 'CREATE POLICY ' . $self->name . " ON $name TO random_a USING ($table->{key} IS NOT NULL)") if $self->chance(15);
	$self->say('CREATE RULE ' . $self->name . " AS ON DELETE TO $name DO ALSO SELECT " . $self->number(100)) if $self->chance(10);

	if ($self->chance(25) && !$self->is_partitioned($table) && !$self->has_children($table))
	{
		my $type = $self->built_in_type;

		# a column that is only in the catalog, and one that is only in the rows
		$self->say("ALTER TABLE $name ADD " . $self->name . " $type->{name} DEFAULT " . $type->{value}->());
		my $gone = $self->name;
		$self->say("ALTER TABLE $name ADD $gone text DEFAULT 'gone'", "ALTER TABLE $name DROP $gone");
	}
	$self->say("ALTER TABLE $name OWNER TO random_a") if $self->chance(20);
	return;
}

sub is_partitioned
{
	my ($self, $table) = @_;

	return scalar grep { /\ACREATE TABLE \Q$table->{name}\E \(.* PARTITION BY \w+ /s } @{ $self->{sql} };
}

sub has_children
{
	my ($self, $table) = @_;

	return scalar grep { /INHERITS \(\Q$table->{name}\E\)\z/ } @{ $self->{sql} };
}

sub make_index
{
	my ($self, $table, $column) = @_;
	my $index = $self->name;
	my $method = $self->any(@{ $column->{type}{methods} });
	my ($schema) = $table->{name} =~ /\A("(?:[^"]|"")*"|public)\./;

	$self->say("CREATE INDEX $index ON $table->{name} USING $method ($column->{name}"
		  . ($method eq 'btree' ? $self->any('', ' DESC', ' NULLS FIRST') : '') . ')'
		  . ($method eq 'btree' ? $self->any('', " INCLUDE ($table->{key})") : '')
		  . $self->any('', '', " WHERE $column->{name} IS NOT NULL"));
	$self->comment("INDEX $schema.$index");
	return;
}

sub make_view
{
	my ($self) = @_;
	my $table = $self->any(@{ $self->{tables} });
	my @columns = map { $_->{name} } $table->{columns} ? grep { $self->chance(50) } @{ $table->{columns} } : ();
	my $view = $self->in_schema;
	my $is_stored = $self->chance(30);

	$self->say('CREATE ' . ($is_stored ? 'MATERIALIZED VIEW' : 'VIEW') . " $view AS SELECT " . join(', ', $table->{key}, @columns)
		  . " FROM $table->{name}" . $self->any('', " WHERE $table->{key} IS NOT NULL", ' LIMIT 3' x $is_stored)
		  . ($is_stored ? $self->any('', ' WITH NO DATA') : ''));
	$self->comment(($is_stored ? 'MATERIALIZED VIEW' : 'VIEW') . " $view");
	$self->say("GRANT SELECT ON $view TO random_b") if $self->chance(30);
	return;
}

sub make_large_object
{
	my ($self) = @_;
	my $oid = 500000 + $self->number(100000);

	return if $self->{names}{"object $oid"}++;
	$self->say("SELECT lo_from_bytea($oid, '\\x" . $self->hex($self->number(3000)) . "')");
	$self->comment("LARGE OBJECT $oid");
	$self->say("GRANT SELECT ON LARGE OBJECT $oid TO random_b") if $self->chance(50);
	return;
}

=pod

=back

=cut

1;

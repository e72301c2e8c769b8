
=pod

=head1 NAME

PgBackupMoments - a database that chance changes, and what it was at its moments

=head1 SYNOPSIS

  use PgBackupMoments;

  my $run = PgBackupMoments->new($node, 'shop', $seed);
  $run->live(60);
  is($_->{found}, $_->{truth}, $_->{name}) for map { $run->look_back } 1 .. 5;
  $run->finish;

=head1 DESCRIPTION

Sessions write, rename, move, rewrite, drop, truncate, attach and detach tables by chance,
in transactions, subtransactions, and transactions that are prepared; another
one holds a transaction open over several steps. Base backups are made meanwhile, and
the server crashes. After each step the hash of every table's rows is written down,
as a query gives it, with an LSN or a time. The same seed makes the same choices; moments are
the server's own.

=cut

package PgBackupMoments;

use strict;
use warnings;

use PgBackupRandom;
use PgBackupTest;
use PostgreSQL::Test::Utils;

my @schemas = ('public', 'archive', q{"Strange ""Schema"""});

=pod

=head1 METHODS

=over

=item new(node, database, seed)

Makes the database; the node needs prepared transactions. PGBACKUP_TEST_CRASHES=0: the server does not crash.

=cut

sub new
{
	my ($class, $node, $database, $seed) = @_;
	my $self = bless {
		node => $node,
		database => $database,
		chance => PgBackupRandom->new($seed),
		named => 0,
		prepared => [],
		spaces => [],
		moments => [],
		names => {},
		known => {},
		did => {},
		failed => 0,
		crashes => $ENV{PGBACKUP_TEST_CRASHES} // 1
	}, $class;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$self->connect;
	$self->do_or_die('CREATE EXTENSION pgbackup', map { "CREATE SCHEMA IF NOT EXISTS $_" } @schemas);
	$self->do_or_die($self->truth_function);
	$self->make_tablespace;
	$self->do_or_die($self->create_table) foreach 1 .. 3;
	$self->do_or_die($self->create_partitioned);
	return $self;
}

sub connect
{
	my ($self) = @_;

	foreach my $who ('main', 'other')
	{
		$self->{$who} = $self->{node}->background_psql($self->{database}, on_error_stop => 0);
		$self->{$who}->query(q{SET client_min_messages = error; SET lock_timeout = '100ms'});
	}
	delete $self->{is_open};
	return;
}

=pod

=item live(steps)

=cut

sub live
{
	my ($self, $steps) = @_;

	# the database may be younger than the backup that its tables are recovered from
	my $backups = $self->query(q{SELECT count(*) FROM pgbackup_list() WHERE kind = 'full' AND status = 'complete'});
	$self->backup('wait => true') if $backups == 0 || $self->chance(70);
	$self->{first_backup} = $self->query(
		q{SELECT id FROM pgbackup_list() WHERE kind = 'full' AND status = 'complete' ORDER BY id DESC LIMIT 1});
	foreach (1 .. $steps)
	{
		$self->step;
		$self->remember;
	}
	$self->settle;
	return;
}

# The default of a staged table may use a live sequence, which somebody may have locked.
sub settle
{
	my ($self) = @_;

	$self->try($self->{other}, 'ROLLBACK') if delete $self->{is_open};
	$self->decide while @{ $self->{prepared} };
	return;
}

=pod

=item look_back

Goes to one of the moments, by chance, and compares one table: its name, what it was, and what was found.

=cut

sub look_back
{
	my ($self) = @_;
	my $moment = $self->any(@{ $self->{moments} });
	# mostly what was there, sometimes what had that name only before or after
	my @names = grep { !$moment->{unknown}{$_} } sort keys %{ $self->chance(85) ? $moment->{truth} : $self->{names} };
	my $name = @names ? $self->any(@names) : 'public.t_none';
	# mostly from the newest backup before it
	my $backup = $self->chance(75) ? 'latest' : $self->{first_backup};

	return {
		name => "$name at $moment->{text}, from backup $backup",
		truth => $moment->{truth}{$name} // 'absent',
		found => $self->found_at($name, $moment, $backup)
	};
}

sub found_at
{
	my ($self, $name, $moment, $backup) = @_;
	my ($status, $out, $error) = $self->{node}->psql($self->{database}, <<~SQL);
		SET client_min_messages = error;
		BEGIN;
		SELECT FROM pgbackup_restore_table(\$name\$$name\$name\$, '$backup', $moment->{argument}, as_name => 'found');
		SELECT count(*) || '/' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM pgbackup_recovery.found t;
		ROLLBACK;
		SQL

	return 'absent' if $error =~ /did not exist at/;
	return 'unlogged' if $error =~ /was unlogged/;
	return $status == 0 ? $out =~ s/^\s+//r : "failed: $error";
}

=pod

=item summary

What it did, as text.

=item finish

=back

=cut

sub summary
{
	my ($self) = @_;

	return sprintf '%d moments, %d statements that failed; %s', scalar @{ $self->{moments} }, $self->{failed},
	  join ', ', map { "$_ $self->{did}{$_}" } sort keys %{ $self->{did} };
}

sub finish
{
	my ($self) = @_;

	$self->{$_}->quit foreach 'main', 'other';
	return;
}

# ---- chance ----

sub number { my ($self, $limit) = @_; return $self->{chance}->number($limit); }
sub chance { my ($self, $percent) = @_; return $self->{chance}->chance($percent); }
sub any { my ($self, @choices) = @_; return $self->{chance}->any(@choices); }

# ---- statements ----

# Those of a session; false if one of them fails, as it may: for a lock, say.
sub try
{
	my ($self, $session, @statements) = @_;
	my $failed = 0;

	foreach my $statement (@statements)
	{
		$session->{stderr} = '';
		$session->query($statement);
		$failed++ if $session->{stderr} ne '';
	}
	$self->{failed} += $failed;
	return !$failed;
}

sub do_or_die
{
	my ($self, @statements) = @_;

	foreach my $statement (@statements)
	{
		$self->try($self->{main}, $statement) or die "$statement: $self->{main}{stderr}";
	}
	return;
}

sub query
{
	my ($self, $sql) = @_;

	$self->{main}{stderr} = '';
	my $out = $self->{main}->query($sql);
	die "$sql: $self->{main}{stderr}" if $self->{main}{stderr} ne '';
	return $out;
}

# ---- moments ----

# A hash for each table; without one, who is locked by a transaction that goes on.
sub truth_function
{
	return <<~'SQL';
		CREATE FUNCTION truth(OUT oid oid, OUT name text, OUT kind text, OUT hash text) RETURNS SETOF record LANGUAGE plpgsql AS $$
		BEGIN
			FOR oid, name, kind, hash IN
				SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
					c.relkind::text || CASE WHEN c.relispartition THEN 'c' ELSE '' END, c.relpersistence
				FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE c.relkind IN ('r', 'p') AND c.relname LIKE 't%' AND n.nspname IN ('public', 'archive', 'Strange "Schema"')
				ORDER BY 2
			LOOP
				BEGIN
					-- with one of its partitions all of it
					IF hash = 'u' OR EXISTS (SELECT FROM pg_partition_tree(truth.oid) p JOIN pg_class c ON c.oid = p.relid WHERE c.relpersistence = 'u') THEN
						hash := 'unlogged';
					ELSIF EXISTS (SELECT FROM pg_locks l WHERE l.relation = truth.oid AND l.mode = 'AccessExclusiveLock') THEN
						hash := NULL;
					ELSE
						EXECUTE 'SELECT count(*) || ''/'' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM ' || name || ' t' INTO hash;
					END IF;
				EXCEPTION WHEN lock_not_available THEN
					hash := NULL;
				END;
				RETURN NEXT;
			END LOOP;
		END $$
		SQL
}

# What is locked is as it was, for nobody else can change it, except for what has partitions.
sub remember
{
	my ($self) = @_;
	my (%truth, @tables);

	foreach my $line (split /\n/, $self->query('SELECT * FROM truth()'))
	{
		my ($oid, $name, $kind, $hash) = split /\|/, $line, -1;

		$hash = $self->{known}{$oid} if $hash eq '' && $kind !~ /p/;
		push @tables, { oid => $oid, name => $name, kind => $kind };
		$self->{names}{$name} = 1;
		next unless defined $hash && $hash ne '';
		$truth{$name} = $self->{known}{$oid} = $hash;
	}
	# nothing is known of these: nobody asks for them
	my %unknown = map { $_->{name} => 1 } grep { !defined $truth{ $_->{name} } } @tables;
	$self->{tables} = [ grep { !$unknown{ $_->{name} } } @tables ];

	my $text = $self->chance(50) ? $self->query('SELECT clock_timestamp()') : $self->query('SELECT pg_current_wal_insert_lsn()');
	push @{ $self->{moments} },
	  { text => $text, argument => ($text =~ m{/} ? 'at_lsn' : 'at') . " => '$text'", truth => \%truth, unknown => \%unknown };
	return;
}

# ---- what is done ----

sub tables
{
	my ($self, $pattern) = @_;

	return grep { $_->{kind} =~ $pattern } @{ $self->{tables} // [] };
}

sub step
{
	my ($self) = @_;
	my $what = $self->any(
		('statement') x 8, ('transaction') x 5, ('subtransaction') x 4, ('alone') x 4, ('other') x 5, ('prepare') x 2,
		('decide') x 2, 'tablespace', 'backup', 'crash');

	$self->{did}{$what}++;
	$self->$what;
	return;
}

sub statement
{
	my ($self) = @_;

	$self->try($self->{main}, $self->change);
	return;
}

sub transaction
{
	my ($self) = @_;

	$self->try($self->{main}, 'BEGIN', (map { $self->change } 0 .. $self->number(3)), $self->any('COMMIT', 'COMMIT', 'ROLLBACK'));
	return;
}

sub subtransaction
{
	my ($self) = @_;

	$self->try($self->{main}, 'BEGIN', $self->change, 'SAVEPOINT a', $self->change, $self->change,
		$self->any('ROLLBACK TO a', 'RELEASE a'), 'SAVEPOINT b', $self->change, $self->any('ROLLBACK TO b', 'RELEASE b'),
		$self->change, $self->any('COMMIT', 'COMMIT', 'COMMIT', 'ROLLBACK'));
	return;
}

# What is not done in a transaction.
sub alone
{
	my ($self) = @_;
	my $name = $self->some_table(qr/./);

	$self->try($self->{main},
		$self->any("VACUUM $name", "VACUUM FULL $name", "VACUUM FREEZE $name", 'CHECKPOINT', 'SELECT pg_switch_wal()',
			'VACUUM FULL ' . $self->any(qw(pg_class pg_attribute pg_type pg_depend pg_index pg_constraint pg_proc pg_largeobject)),
			'VACUUM', 'REINDEX TABLE pg_class', 'SELECT pg_log_standby_snapshot()'));
	return;
}

# A transaction that stays open over steps of others.
sub other
{
	my ($self) = @_;

	if (delete $self->{is_open})
	{
		$self->try($self->{other}, $self->any('COMMIT', 'COMMIT', 'ROLLBACK'));
		return;
	}
	$self->try($self->{other}, 'BEGIN', $self->change, $self->any('SAVEPOINT o', 'SELECT 1'), $self->change);
	$self->{is_open} = 1;
	return;
}

sub prepare
{
	my ($self) = @_;
	my $name = 'prepared_' . ++$self->{named};

	return if @{ $self->{prepared} } >= 3;
	push @{ $self->{prepared} }, $name
	  if $self->try($self->{main}, 'BEGIN', $self->change, $self->change, "PREPARE TRANSACTION '$name'");
	return;
}

sub decide
{
	my ($self) = @_;
	my $name = shift @{ $self->{prepared} } // return;

	$self->try($self->{main}, $self->any('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$name'");
	return;
}

sub tablespace
{
	my ($self) = @_;

	if (@{ $self->{spaces} } > 1 && $self->chance(40))
	{
		my $name = $self->any(@{ $self->{spaces} });

		@{ $self->{spaces} } = grep { $_ ne $name } @{ $self->{spaces} }
		  if $self->try($self->{main}, "ALTER TABLE ALL IN TABLESPACE $name SET TABLESPACE pg_default",
			"ALTER INDEX ALL IN TABLESPACE $name SET TABLESPACE pg_default", "DROP TABLESPACE $name");
		return;
	}
	$self->make_tablespace;
	return;
}

sub make_tablespace
{
	my ($self) = @_;
	my $name = "$self->{database}_space_" . ++$self->{named};
	my $place = PostgreSQL::Test::Utils::tempdir_short;

	push @{ $self->{spaces} }, $name if $self->try($self->{main}, "CREATE TABLESPACE $name LOCATION '$place'");
	return;
}

sub backup
{
	my ($self, $arguments) = @_;

	$self->try($self->{main}, 'SELECT pgbackup_run(' . join(', ', q{'full'}, $arguments // $self->any('wait => true', 'wait => false')) . ')');
	return;
}

sub crash
{
	my ($self) = @_;

	return unless $self->{crashes};
	$self->{node}->stop('immediate');
	eval { $self->{$_}->quit } foreach 'main', 'other';
	$self->{node}->start;
	$self->connect;
	return;
}

# ---- a change ----

sub some_table
{
	my ($self, $pattern) = @_;
	my @tables = $self->tables($pattern);

	return @tables ? $self->any(@tables)->{name} : 'public.t_none';
}

sub new_name
{
	my ($self) = @_;

	# old names come again
	my @old = map { s/.*\.(?=[^.]*$)//r } sort keys %{ $self->{names} };
	return $self->any(@old) if @old && $self->chance(40);
	return $self->chance(15) ? '"t It\'s ""' . ++$self->{named} . '"' : 't_' . ++$self->{named};
}

# One statement, or some that belong together.
sub change
{
	my ($self) = @_;
	my $kind = $self->any(
		('insert') x 6, ('update') x 5, ('remove') x 3, ('truncate') x 2, ('rename') x 2, ('move') x 2, ('alter') x 5, 'space', 'space',
		'drop', 'drop', 'create_table', 'create_table', 'create_partitioned', ('attach') x 3, ('detach') x 2, 'swap', 'persistence', 'rename_schema');

	$self->{did}{$kind}++;
	return $self->$kind;
}

sub insert
{
	my ($self) = @_;
	my $name = $self->some_table(qr/./);
	my ($wide, $seed) = ($self->any(0, 0, 20, 90), $self->number(1000));

	return "INSERT INTO $name (id, t) SELECT (n * 7) % 300, md5(n || '$seed') || repeat(md5(n::text), $wide) FROM generate_series(1, "
	  . $self->any(1, 30, 200) . ') n';
}

sub update
{
	my ($self) = @_;

	return 'UPDATE ' . $self->some_table(qr/./) . ' SET ' . $self->any("t = t || 'x'", 'id = (id + 150) % 300', "t = repeat(md5(id::text), 80)")
	  . ' WHERE id % ' . $self->any(2, 5, 17) . ' = 0';
}

sub remove
{
	my ($self) = @_;

	return 'DELETE FROM ' . $self->some_table(qr/./) . ' WHERE id % ' . $self->any(1, 3, 4) . ' = 0';
}

sub truncate
{
	my ($self) = @_;

	return 'TRUNCATE ' . join(', ', map { $self->some_table(qr/./) } 1 .. $self->any(1, 1, 2)) . $self->any('', ' RESTART IDENTITY', ' CASCADE');
}

sub rename
{
	my ($self) = @_;

	return 'ALTER TABLE ' . $self->some_table(qr/./) . ' RENAME TO ' . $self->new_name;
}

sub move
{
	my ($self) = @_;

	return 'ALTER TABLE ' . $self->some_table(qr/./) . ' SET SCHEMA ' . $self->any(@schemas);
}

# There and back: what is in it has another name only in between.
sub rename_schema
{
	my ($self) = @_;

	return ('ALTER SCHEMA archive RENAME TO old_archive', 'ALTER SCHEMA old_archive RENAME TO archive');
}

sub alter
{
	my ($self) = @_;
	my ($name, $root) = ($self->some_table(qr/r/), $self->some_table(qr/^[rp]$/));
	my $column = 'c' . ++$self->{named};

	return $self->any(
		"ALTER TABLE $root ADD COLUMN $column float DEFAULT random()",
		"ALTER TABLE $root ADD COLUMN $column text DEFAULT 'same'",
		"ALTER TABLE $root ALTER id TYPE bigint",
		"ALTER TABLE $root ALTER id TYPE int USING id::int",
		"ALTER TABLE $root ALTER t TYPE varchar(9000)",
		"ALTER TABLE $root ALTER t TYPE text",
		"ALTER TABLE $name ALTER t SET STORAGE EXTERNAL",
		"CREATE INDEX ON $name (id); CREATE INDEX ON $name (md5(t))",
		"CREATE INDEX i_$self->{named} ON $name (id); CLUSTER $name USING i_$self->{named}",
		"REINDEX TABLE $name");
}

sub space
{
	my ($self) = @_;

	return 'ALTER TABLE ' . $self->some_table(qr/r/) . ' SET TABLESPACE ' . $self->any('pg_default', @{ $self->{spaces} });
}

sub drop
{
	my ($self) = @_;
	my @tables = $self->tables(qr/./);

	return @tables > 5 ? 'DROP TABLE ' . $self->any(@tables)->{name} . $self->any('', ' CASCADE') : $self->create_table;
}

sub create_table
{
	my ($self) = @_;
	my $name = $self->any(@schemas) . '.' . $self->new_name;
	my $space = $self->any('', "TABLESPACE " . $self->any('pg_default', @{ $self->{spaces} }));
	my $kind = $self->any(('TABLE') x 9, 'UNLOGGED TABLE');

	return $self->chance(30)
	  ? "CREATE $kind $name $space AS SELECT n AS id, md5(n::text) AS t FROM generate_series(1, 100) n"
	  : ("CREATE $kind $name (id int, t text, own serial) $space", "INSERT INTO $name (id, t) SELECT n, md5(n::text) FROM generate_series(1, 100) n");
}

sub create_partitioned
{
	my ($self) = @_;
	my ($schema, $name) = ($self->any(@schemas), $self->new_name);
	my @parts = map { "$schema." . $self->new_name } 1 .. 2;

	return (
		"CREATE TABLE $schema.$name (id int, t text, own serial) PARTITION BY RANGE (id)",
		"CREATE TABLE $parts[0] PARTITION OF $schema.$name FOR VALUES FROM (0) TO (100)",
		"CREATE TABLE $parts[1] PARTITION OF $schema.$name DEFAULT",
		"INSERT INTO $schema.$name (id, t) SELECT n, md5(n::text) FROM generate_series(1, 200) n");
}

sub attach
{
	my ($self) = @_;
	my ($parent, $child) = ($self->some_table(qr/p/), $self->some_table(qr/^r$/));
	my $bound = $self->any('DEFAULT', 'FOR VALUES FROM (100) TO (200)', 'FOR VALUES FROM (200) TO (300)', 'FOR VALUES FROM (0) TO (100)');

	return $self->chance(50)
	  ? "CREATE TABLE public." . $self->new_name . " PARTITION OF $parent $bound"
	  : ("CREATE TABLE public.new_part (LIKE $parent)", "INSERT INTO public.new_part (id, t, own) SELECT 100 + n, md5(n::text), n FROM generate_series(1, 50) n",
		"ALTER TABLE $parent ATTACH PARTITION public.new_part FOR VALUES FROM (100) TO (200)", 'ALTER TABLE public.new_part RENAME TO ' . $self->new_name);
}

sub detach
{
	my ($self) = @_;
	my $child = $self->some_table(qr/c/);
	my $parent = $self->query("SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = to_regclass(\$name\$$child\$name\$)");

	return "ALTER TABLE " . ($parent || 'public.t_none') . " DETACH PARTITION $child";
}

# Two exchange their names.
sub swap
{
	my ($self) = @_;
	my @pair = map { $self->some_table(qr/./) } 1 .. 2;
	my ($schema, $first) = $pair[0] =~ /^(.*)\.([^.]*)$/;
	my ($other_schema, $second) = $pair[1] =~ /^(.*)\.([^.]*)$/;

	return $self->rename if $pair[0] eq $pair[1];
	return (
		"ALTER TABLE $pair[0] RENAME TO t_swapped",
		"ALTER TABLE $pair[1] RENAME TO $first",
		"ALTER TABLE $schema.t_swapped RENAME TO $second");
}

sub persistence
{
	my ($self) = @_;

	return 'ALTER TABLE ' . $self->some_table(qr/r/) . ' SET ' . $self->any('UNLOGGED', 'LOGGED', 'LOGGED');
}

1;

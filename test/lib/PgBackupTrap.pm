#
# PgBackupTrap.pm
#	  Code of users that must not run with the rights of others, nor have a say in what comes after it.
#
# test/lib/PgBackupTrap.pm
#

=pod

=head1 NAME

PgBackupTrap - code of users that must not run with the rights of others

=head1 SYNOPSIS

  $node->safe_psql('postgres', 'CREATE ROLE mallory; CREATE SCHEMA trap AUTHORIZATION mallory; SET ROLE mallory;'
    . trap_rights('trap', 'mallory')
    . 'CREATE DOMAIN trap.d AS integer CHECK (trap.spring(VALUE) = 1)');

=cut

package PgBackupTrap;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(trap_rights trap_settings);

=pod

=over

=item trap_rights(schema, role)

SQL for functions in a schema: spring([integer]) says that it is immutable, gives 1, and makes the role a superuser if it runs
as one.

=item trap_settings(schema)

SQL for functions in a schema: hold(integer) gives true, puts the schema first into the search path, and changes work_mem;
lower(text) is what is then found in place of the server's own.

=back

=cut

sub trap_rights
{
	my ($schema, $role) = @_;

	return <<"SQL";
CREATE FUNCTION $schema.rob() RETURNS integer LANGUAGE plpgsql AS \$\$
BEGIN
	IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN ALTER ROLE $role SUPERUSER; END IF;
	RETURN 1;
END\$\$;
CREATE FUNCTION $schema.spring(integer DEFAULT 1) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS \$\$ BEGIN RETURN $schema.rob(); END\$\$;
SQL
}

sub trap_settings
{
	my ($schema) = @_;

	return <<"SQL";
CREATE FUNCTION $schema.hold(integer) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM set_config('search_path', '$schema, pg_catalog', false), set_config('work_mem', '7MB', false);
	RETURN true;
END\$\$;
CREATE FUNCTION $schema.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT \$1';
SQL
}

1;

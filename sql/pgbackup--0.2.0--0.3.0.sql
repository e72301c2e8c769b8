/* pgbackup--0.2.0--0.3.0.sql */

\echo Use "ALTER EXTENSION pgbackup UPDATE TO '0.3.0'" to load this file. \quit

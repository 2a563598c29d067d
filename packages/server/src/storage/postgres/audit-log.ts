import { definitionsOf, integer } from '../sql/columns.js'
import { auditIndexes } from '../sql/schema.js'
import { tables } from '../sql/tables.js'

const { id: _, ...written } = tables.audit_event
const columns = { id: integer.with("default nextval('audit_event_id')").key, ...written, at: written.at.key }

/** The audit log, partitioned by month; its rows are never changed. Also defines the serving role's privileges on every table. */
export const auditLog = `
  create sequence audit_event_id;
  create table audit_event (
    ${definitionsOf(columns, 'postgres')}
  ) partition by range (at);
  ${auditIndexes}
  create table audit_event_other partition of audit_event default;

  -- Events are only ever added. Those of 400 days before the newest event, and before now, may go. Functions that act as
  -- the owner take every name from where it was meant: whoever calls them may have others of the same name.
  do $migration$ begin execute replace(replace($functions$
  create function {schema}.audit_event_ends_at() returns bigint stable language sql
  set search_path = pg_catalog, pg_temp as $$
    select least((select max(at) from {schema}.audit_event), floor(extract(epoch from now()))::bigint) - 34560000
  $$;
  create function {schema}.audit_event_kept() returns trigger language plpgsql
  set search_path = pg_catalog, pg_temp as $$
  begin
    if tg_op = 'DELETE' and old.at <= {schema}.audit_event_ends_at() then return old; end if;
    raise exception 'an audit event is never changed, and kept for 400 days';
  end $$;
  create trigger audit_event_kept before update or delete on {schema}.audit_event
    for each row execute function {schema}.audit_event_kept();
  create trigger audit_event_not_emptied before truncate on {schema}.audit_event
    for each statement execute function {schema}.audit_event_kept();

  -- Makes the tables of this month and the next two, and drops those whose events all came before a time, a batch of the
  -- others' with them. Who serves may call it, and can do neither otherwise.
  create function {schema}.keep_audit(before bigint, out events bigint, out agents bigint[], out resources bigint[])
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    month timestamp;
    part name;
    of_part record;
  begin
    events := 0; agents := '{}'; resources := '{}';
    for ahead in 0..2 loop
      month := date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead);
      part := 'audit_event_' || to_char(month, 'YYYY_MM');
      -- Creating an existing one would wait for all readers.
      continue when to_regclass(format('%I.%I', {schema name}, part)) is not null;
      begin
        execute format(
          'create table {schema}.%I partition of {schema}.audit_event for values from (%s) to (%s)',
          part,
          extract(epoch from month)::bigint,
          extract(epoch from month + interval '1 month')::bigint
        );
      exception when check_violation then null; -- Some of its events are in audit_event_other already.
      end;
    end loop;
    if before <= {schema}.audit_event_ends_at() then
      for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = to_regclass(format('%I.audit_event', {schema name}))
          and c.relname ~ '^audit_event_\\d{4}_\\d{2}$'
          and extract(epoch from to_date(right(c.relname::text, 7), 'YYYY_MM') + interval '1 month') <= before
      loop
        execute format(
          'select count(*) as events, array_agg(distinct agent_id) as agents, array_agg(distinct resource_id) as resources from {schema}.%I',
          part
        ) into of_part;
        execute format('drop table {schema}.%I', part);
        events := events + of_part.events;
        agents := agents || of_part.agents;
        resources := resources || of_part.resources;
      end loop;
      with gone as (
        delete from {schema}.audit_event_other
        where (id, at) in (select id, at from {schema}.audit_event_other where at <= before limit 5000)
        returning agent_id, resource_id
      )
      select count(*) as events, array_agg(distinct agent_id) as agents, array_agg(distinct resource_id) as resources
      from gone into of_part;
      events := events + of_part.events;
      agents := agents || of_part.agents;
      resources := resources || of_part.resources;
    elsif exists (select 1 from {schema}.audit_event where at <= before) then
      raise exception 'an audit event is kept for 400 days';
    end if;
  end $$;
  revoke all on function {schema}.keep_audit(bigint) from public;
  $functions$, '{schema}', quote_ident(current_schema())), '{schema name}', quote_literal(current_schema()));
  end $migration$;

  create function continue_ids() returns void language plpgsql as $$
  declare
    of_table record;
  begin
    for of_table in
      select c.relname, pg_get_serial_sequence(quote_ident(c.relname), 'id') as ids from pg_class c
      where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r'
        and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attidentity <> '')
      union all select 'audit_event', 'audit_event_id'
    loop
      execute format('select setval(%L, coalesce(max(id), 0) + 1, false) from %I', of_table.ids, of_table.relname);
    end loop;
  end $$;

  -- Lets a role serve: it may do everything with rows but change events or delete them.
  create function may_serve(role name) returns void language plpgsql as $$
  declare
    here text := quote_ident(current_schema());
    part text;
  begin
    if has_schema_privilege(role, current_schema(), 'create') then
      raise exception 'The role % may create in the schema %, and could then act as the owner of the tables: revoke create on schema % from public, and from the role.',
        role, here, here;
    end if;
    execute format('grant usage on schema %s to %I', here, role);
    execute format('grant select, insert, update, delete on all tables in schema %s to %I', here, role);
    execute format('revoke insert, update, delete on schema_version, audit_event from %I', role);
    for part in select inhrelid::regclass::text from pg_inherits where inhparent = 'audit_event'::regclass loop
      execute format('revoke all on %s from %I', part, role);
    end loop;
    execute format('grant insert (${Object.keys(written).join(', ')}) on audit_event to %I', role);
    execute format('grant usage on all sequences in schema %s to %I', here, role);
    execute format('grant execute on function keep_audit(bigint) to %I', role);
  end $$;

  select keep_audit(0);
`

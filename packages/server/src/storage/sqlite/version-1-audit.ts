/** The audit log, whose rows are never changed. Part of schema version 1. */
export const auditLog = `
  create table audit_event (
    id integer primary key,
    at integer not null,
    event text not null,
    user_id integer references app_user,
    agent_id integer references agent,
    resource_id integer references resource,
    grant_public_id blob,
    request_public_id blob,
    ip text,
    data text
  ) strict;
  create index audit_event_time on audit_event (at);
  create index audit_event_name on audit_event (event);
  create index audit_event_user on audit_event (user_id) where user_id is not null;
  create index audit_event_agent on audit_event (agent_id) where agent_id is not null;
  create index audit_event_resource on audit_event (resource_id) where resource_id is not null;

  -- Events are only ever added. Those older than 400 days before the newest event may go: the sweep that deletes them
  -- records itself first.
  create trigger audit_event_not_replaced before insert on audit_event
  when exists (select 1 from audit_event where id = new.id) begin
    select raise(abort, 'an audit event is never replaced');
  end;
  create trigger audit_event_not_changed before update on audit_event begin
    select raise(abort, 'an audit event is never changed');
  end;
  create trigger audit_event_kept before delete on audit_event
  when old.at > (select max(at) from audit_event) - 34560000 begin
    select raise(abort, 'an audit event is kept for 400 days');
  end;

  pragma user_version = 1;
`

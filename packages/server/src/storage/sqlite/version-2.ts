/** Credential revisions, the age of passwords, the accounts that were signed in in a browser, and the request of a sign-in. */
export const version2 = `
  alter table app_user add column credential_revision integer not null default 0;
  alter table credential add column added_at integer not null default 0;
  alter table session add column proved_for blob check (length(proved_for) = 32);
  create index known_device_browser on known_device (browser_hash, user_id);

  pragma user_version = 2;
`

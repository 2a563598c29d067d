/** Changes of the permissions of users' grants. */
export interface PermissionStorage {
  /**
   * Removes permissions from an active grant of a user. The grant is revoked, and what is left of it becomes another grant, which takes over
   * its refresh tokens and codes. Open requests of the agent that this user has seen must be shown again. Returns false if the grant has
   * none of these permissions.
   */
  removePermissions(removal: PermissionRemoval): Promise<boolean>
  /**
   * Returns the permissions of a user's active grants that expire, and that the agent could use longer if they were extended, without
   * another decision: the grant is remembered, or a refresh token with the permission outlives it or can be extended with it. A grant of a
   * blocked agent, or for one call, has none.
   */
  listExtendable(of: { userId: string; grantIds: readonly string[] }): Promise<ExtendablePermission[]>
  /**
   * Moves the expiry of permissions of a grant to a later time; those that expire later still keep their expiry. A family of refresh tokens
   * that would have ended with its permissions is extended with them, but never beyond the lifetime of a new one. A family from a decision
   * for a shorter time keeps its end. Returns false, and changes nothing, if the user or the permissions are not as seen, are not
   * extendable anymore, or would not expire later.
   */
  extendPermissions(extension: PermissionExtension): Promise<boolean>
}

export interface PermissionRemoval {
  grantId: string
  /** The user whose grant it is, and who removes the permissions. */
  userId: string
  /** The scope values of the permissions. */
  names: readonly string[]
}

/** See {@link PermissionStorage.listExtendable}. */
export interface ExtendablePermission {
  grantId: string
  /** The scope value. */
  name: string
  expiresAt: number
}

export interface PermissionExtension {
  grantId: string
  /** The user whose grant it is, and who extends the permissions. */
  userId: string
  /** The user's revision when their session was read. */
  credentialRevision: number
  /** The permissions, with the expiry that the user saw. */
  permissions: readonly Omit<ExtendablePermission, 'grantId'>[]
  /** From now on, in seconds; null: until the permission is revoked. */
  lifetime: number | null
  /** Maximum lifetime of a refresh token, in seconds. */
  refreshLifetime: number
}

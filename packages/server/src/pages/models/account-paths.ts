const agents = '/account'
const part = (name: string) => `${agents}/${name}`

/** The paths of the account pages; those that show one of several rows contain a row id. All their forms post to `actions`. */
export const accountPaths = {
  agents,
  actions: agents,
  agent: (id: string) => part(`agents/${encodeURIComponent(id)}`),
  removeAgent: (id: string) => part(`agents/${encodeURIComponent(id)}/remove`),
  removePermission: (id: string, name: string) =>
    `${part(`agents/${encodeURIComponent(id)}/remove`)}?permission=${encodeURIComponent(name)}`,
  extend: (id: string) => part(`agents/${encodeURIComponent(id)}/extend`),
  extendPermission: (id: string, name: string) =>
    `${part(`agents/${encodeURIComponent(id)}/extend`)}?permission=${encodeURIComponent(name)}`,
  removeAll: part('remove-all'),
  activity: part('activity'),
  security: part('security'),
  password: part('password'),
  passkeyOptions: part('passkeys/options'),
  removePasskey: (id: string) => part(`passkeys/${encodeURIComponent(id)}/remove`),
  secondFactor: part('second-factor'),
  removeFactor: part('second-factor/remove'),
  /** Where the paths of the pages that connect devices start. */
  devices: part('devices/'),
  connectDevice: part('devices/connect'),
  deviceCode: part('devices/code'),
  yours: part('yours'),
  removeProvider: (id: string) => part(`providers/${encodeURIComponent(id)}/remove`),
  changeEmail: part('change-email'),
  download: part('download'),
  close: part('close'),
  confirm: part('confirm'),
  signIn: part('sign-in'),
  signedOut: part('signed-out'),
  signUp: part('sign-up'),
  newPassword: part('new-password'),
  link: part('link'),
  forgot: part('forgot'),
  linkSent: part('link-sent'),
  confirmEmail: part('email'),
} as const

/** Returns the path of the page that sets up a second factor, which returns to a path on this server. */
export function secondFactorPath(returnTo: string): string {
  return `${accountPaths.secondFactor}?return_to=${encodeURIComponent(returnTo)}`
}

/** Returns the path of the sign-in page, which continues to a path on this server. */
export function signInPath(returnTo: string): string {
  return `${accountPaths.signIn}?return_to=${encodeURIComponent(returnTo)}`
}

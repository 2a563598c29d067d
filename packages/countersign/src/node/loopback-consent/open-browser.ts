import { spawn } from 'node:child_process'

/** How the system opens a page, by platform: the address is one argument, and no shell reads it. */
const openers: Partial<Record<NodeJS.Platform, readonly [command: string, ...rest: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}

/** Whether a browser on this machine can be seen by who sits at the terminal. */
export function hasBrowser(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): boolean {
  if (isRemote(env)) return false
  if (platform in openers) return true
  return Boolean(env.DISPLAY) || Boolean(env.WAYLAND_DISPLAY)
}

/** Whether the terminal is on another machine than the program. */
export function isRemote(env: NodeJS.ProcessEnv): boolean {
  return Boolean(env.SSH_CONNECTION) || Boolean(env.SSH_TTY)
}

/** Opens a page in the browser of the system; where that fails the person has the address. */
export function openBrowser(url: string): void {
  const { protocol, href } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:') return
  const [command, ...rest] = openers[process.platform] ?? ['xdg-open']
  const opener = spawn(command, [...rest, href], { stdio: 'ignore', detached: true })
  opener.on('error', () => undefined)
  opener.unref()
}

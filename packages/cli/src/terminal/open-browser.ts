/** Whether a browser on this computer could be seen. */
export function hasDisplay(env: NodeJS.ProcessEnv): boolean {
  return process.platform !== 'linux' || Boolean(env.DISPLAY || env.WAYLAND_DISPLAY)
}

/** Opens a URL in the user's browser if there is a display. Failures are ignored, because the URL is also printed. */
export async function openBrowser(url: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (!hasDisplay(env)) return
  const { default: open } = await import('open')
  const opener = await open(url)
  opener.on('error', () => undefined)
  opener.unref()
}

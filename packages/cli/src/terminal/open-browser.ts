/**
 * Opens a URL in the user's browser if there is a display. Failures are ignored, because the URL is also printed.
 *
 * @returns whether there is a display
 */
export async function openBrowser(url: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  if (process.platform === 'linux' && !env.DISPLAY && !env.WAYLAND_DISPLAY) return false
  const { default: open } = await import('open')
  const opener = await open(url)
  opener.on('error', () => undefined)
  opener.unref()
  return true
}

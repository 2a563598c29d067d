/** Opens a URL in the person's browser where there is a screen. That it did not open is no failure: the URL is printed too. */
export async function openBrowser(url: string, env: NodeJS.ProcessEnv): Promise<void> {
  if (process.platform === 'linux' && !env.DISPLAY && !env.WAYLAND_DISPLAY) return
  const { default: open } = await import('open')
  const opener = await open(url)
  opener.on('error', () => undefined)
  opener.unref()
}

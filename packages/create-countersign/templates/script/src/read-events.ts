/** The work of this agent: reads its user's events. `agent.fetch` adds the signatures, and asks the user for consent. */
export async function readEvents(fetch: typeof globalThis.fetch, url: string): Promise<unknown> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url} responded with ${response.status}: ${await response.text()}`)
  return response.json()
}

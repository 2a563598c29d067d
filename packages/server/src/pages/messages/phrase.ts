import type { Child } from 'hono/jsx'

/**
 * A template tag for sentences with elements in them: `phrase\`signed by ${<bdi>{host}</bdi>}\``.
 *
 * @returns The pieces in order, for use as JSX children; strings among them are escaped there.
 */
export function phrase(text: TemplateStringsArray, ...places: Child[]): Child[] {
  return text.flatMap((piece, index) => [piece, places[index]])
}

import type { ComponentChildren } from 'preact'

/**
 * A template tag for sentences with elements in them: `phrase\`signed by ${<bdi>{host}</bdi>}\``.
 *
 * @returns The pieces in order, for use as JSX children; strings among them are escaped there.
 */
export function phrase(text: TemplateStringsArray, ...places: ComponentChildren[]): ComponentChildren[] {
  return text.flatMap((piece, index) => [piece, places[index]])
}

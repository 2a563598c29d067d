import type { ComponentChildren } from 'preact'

/**
 * A template tag for sentences with elements in them: `phrase\`signed by ${<bdi>{host}</bdi>}\``.
 *
 * @returns The pieces in order, for use as JSX children; strings among them are escaped there.
 */
export function phrase(text: TemplateStringsArray, ...places: ComponentChildren[]): ComponentChildren[] {
  return text.flatMap((piece, index) => [piece, places[index]])
}

/** What a problem page says; `agent` is the asking host, or the words for "the agent" where it may not be shown. */
export interface Problem {
  heading: string
  explanation: (agent: ComponentChildren) => ComponentChildren[]
  /** What the person can do. */
  advice: (agent: ComponentChildren) => ComponentChildren[]
  /** The words of the link that tries again, where they are not the usual ones. */
  retry?: string
}

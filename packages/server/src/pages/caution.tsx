import type { ComponentChildren } from 'preact'
import { Icon } from './icon.js'

/** A boxed line to read before going on. */
export function Caution(props: { children: ComponentChildren }) {
  return (
    <p class="box caution">
      <Icon name="caution" />
      <span>{props.children}</span>
    </p>
  )
}

/** A line that says what agent or resource left out. */
export function Unsaid(props: { children: ComponentChildren }) {
  return (
    <p class="unsaid">
      <Icon name="caution" />
      <span>{props.children}</span>
    </p>
  )
}

/** A boxed line that says what was just done. */
export function Done(props: { children: ComponentChildren }) {
  return (
    <p class="box done" role="status">
      <Icon name="yes" />
      <span>{props.children}</span>
    </p>
  )
}

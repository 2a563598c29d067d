import type { ComponentChildren } from 'preact'
import { Icon } from './icon.js'

/** Ties the fields to what is wrong with them; there is one problem on a page. */
export const PROBLEM_ID = 'problem'

/** What went wrong with a form; takes the focus when the page opens, without a script. */
export function ProblemBox(props: { children: ComponentChildren }) {
  return (
    <p class="box error" id={PROBLEM_ID} role="status" tabindex={-1} autofocus>
      <Icon name="caution" />
      <span>{props.children}</span>
    </p>
  )
}

/** Rows that one code or refresh token leaves of each refusal in a day: an agent may present it as often as it likes, and more say nothing new. */
export const refusedRows = { window: 86_400, most: 100 }

type Optional<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> } & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K]
}

/** The object without its undefined members: an optional property is there or it is not. */
export function defined<T extends object>(members: T): { [K in keyof Optional<T>]: Optional<T>[K] } {
  const result: Partial<T> = {}
  for (const key in members) if (members[key] !== undefined) result[key] = members[key]
  return result as { [K in keyof Optional<T>]: Optional<T>[K] }
}

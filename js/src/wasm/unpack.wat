;; Turns the text that `pack.mjs` makes back into bytes, in place: a loop in JavaScript takes several times as long in a
;; process that has just started.
(module
  ;; At 0 the table of `pack.mjs`, and after it the text, and then over it the bytes, which are never more.
  (memory (export "memory") 1)

  ;; Takes where the text begins and ends, and gives where the bytes end.
  (func (export "unpack") (param $from i32) (param $end i32) (result i32)
    (local $to i32) (local $code i32)
    (local.set $to (local.get $from))
    (loop $next
      (local.set $code (i32.load8_u (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      ;; `#` or `$`: a part of the table of its own, for the character after it.
      (if (i32.lt_u (local.get $code) (i32.const 37))
        (then
          (local.set $code
            (i32.add
              (i32.shl (i32.sub (local.get $code) (i32.const 34)) (i32.const 7))
              (i32.load8_u (local.get $from))))
          (local.set $from (i32.add (local.get $from) (i32.const 1)))))
      (i32.store8 (local.get $to) (i32.load8_u (local.get $code)))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $from) (local.get $end))))
    (local.get $to)))

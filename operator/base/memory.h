// Giving memory back to the kernel that was needed only for a while.
#pragma once

namespace natrix::ops {

// Free heap that malloc keeps for later, and the resident pages of code and constants: what a start
// or a burst of work has touched once would otherwise count as ours for ever. Pages that are still
// in use come back from the page cache at the next access. Takes about a millisecond; safe from any
// thread, but it shares malloc's locks with all others.
void give_back_memory();

}  // namespace natrix::ops

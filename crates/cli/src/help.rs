/// What `ply` alone and `ply --help` print.
pub(crate) const HELP: &str = "\
Container images without a daemon: load, look into, change, save.

Usage: ply [--store DIR] VERB ...

Move
  pull         Pull an image from a registry
  push         Push an image to a registry
  copy         Copy an image between registries, archives, layouts, a Docker daemon and the store
  load         Load images from an archive, a layout or a pipe
  save         Save images to an archive, or only what the other side lacks
  import       Make an image of the tar of a root filesystem

Look
  images       List images
  inspect      Show all that is known of an image or a container
  history      Show the steps that made an image
  layers       Show the layers of an image and who shares them
  tree         Show which image is built on which, and what each adds
  name         Take a name apart

Files
  ls           List the files of an image, or of one layer
  cat          Print files of an image, any version of them
  stat         Show all attributes of files of an image
  export       Write the files of an image as one flat tar
  unpack       Write the root filesystem of an image into a folder
  mount        Mount an image or a container, with nothing unpacked; alone, list mounts
  umount       Unmount images and containers
  log          Show what each layer did to a file
  du           Show what each layer adds and hides
  diff         Show what was changed in a container, or differs between images or layers
  find         Find files of an image, those too that later layers hid
  grep         Search the files of an image, those too that later layers hid

Containers
  create       Make a container: an empty writable layer over an image
  run          Run a command in a new container
  ps           List containers
  cp           Copy files into a container, or out of a container or an image
  delete       Delete files of a container; what lies below stays, hidden
  commit       Make an image of a container
  rm           Remove containers and what was written in them

Store
  tag          Give an image another name
  rmi          Remove names, and images with their last name
  prune        Remove images nobody needs, left-overs, or what can be made again
  squash       Make one layer of an image's upper layers, or of all
  check        Hash everything again, and repair it from an archive
  df           Show what lies in the store, and how much of it can be had back

Registries
  search       List the tags of a repository in a registry
  login        Log in to a registry
  logout       Forget the credentials for a registry

More
  image ...    The same verbs as Docker spells them: image ls, container rm, system df
  completion   Print a script that completes verbs, flags and images
  man          Write man pages

Options
  --store DIR    Where images are kept [PLY_STORE; root: /var/lib/ply, else ~/.local/share/ply]
  --threads N    Threads to work with [one a core]
  --max-layer-size SIZE  Load and pull no layer that is larger when plain: 20g [no limit]
  --tls-verify=false  Let a registry be whoever it says it is, without TLS too
  -h, --help     This help; of a verb with `ply VERB --help`
  -V, --version  Print the version

IMAGE is a name, an ID or the beginning of one; where a command only reads, also an archive or layout
that is not loaded: docker-archive:FILE[:NAME], oci-archive:FILE[:NAME], oci:DIR[:NAME], ./FILE;
or one in a registry: docker://NAME
Where files are looked at it may be a container, too.
";
